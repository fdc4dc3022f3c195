"""Agents of other packages: installed they are there; broken they are told of, and take nothing away."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from ilrec_agents import list_agents, make_agent
from ilrec_agents.plugins import PluginError
from ilrec_agents.registry import AGENTS, agent_class, broken_plugins
from ilrec_gym.cli import main

ROOT = Path(__file__).parents[2]
PLUGIN = Path(__file__).parent / "plugin"
BROKEN = """
import nothing_of_that_name
"""
AGENT = '''
from ilrec_agents.base import Agent, NoConfig
from ilrec_agents.heuristic.constant import RandomAgent


class Good(RandomAgent):
    """A good one."""

    name = "good"


class Nameless(RandomAgent):
    """Keeps the name of its base class."""


class Abstract(Agent):
    """Without act."""

    name = "abstract"


class Unsettled(RandomAgent):
    """Settings of another kind."""

    name = "unsettled"
    Config = dict


not_a_class = 3
'''


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process that sees the package, which pip built and installed without any network."""
    pytest.importorskip("hatchling", reason="the extra test")
    source = shutil.copytree(PLUGIN, tmp_path_factory.mktemp("source") / "plugin")
    target = tmp_path_factory.mktemp("installed")
    command = ["install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", target, source]
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *command], check=True, timeout=120)
    return os.environ | {"PYTHONPATH": str(target)}


def run(environment: dict[str, str], *arguments: Any) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, timeout=250, env=environment, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_installed_package_brings_its_agent(installed: dict[str, str]) -> None:
    script = (
        "from ilrec_agents import list_agents\n"
        "[found] = [each for each in list_agents() if each.name == 'logged_mean']\n"
        "print(found.family, found.learns_from, found.package, found.summary, sep='|')"
    )
    said = run(installed, "-c", script).strip()
    assert said == "offline|dataset|logged-mean|The film that was rated best in the log, the same for everybody."
    listed = run(installed, "-c", "from ilrec_gym.cli import main; main(['agents'])")
    [line] = [line for line in listed.splitlines() if line.split()[:1] == ["logged_mean"]]
    assert "from the package logged-mean" in line
    shown = run(installed, "-c", "from ilrec_gym.cli import main; main(['agents', 'logged_mean'])")
    assert "--set prior=5.0" in shown


def test_it_keeps_the_contract(installed: dict[str, str]) -> None:
    said = run(
        installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", PLUGIN / "contract_of_logged_mean.py"
    )  # fmt: skip
    assert re.search(r"\b2\d passed", said) and "skipped" not in said, said


def test_it_is_not_there_where_it_is_not_installed() -> None:
    assert "logged_mean" not in {agent.name for agent in list_agents()}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that puts a package with these entry points on the path."""

    def put(package: str, code: str, **points: str) -> None:
        folder = tmp_path / package
        about = folder / f"{package}-1.0.dist-info"
        about.mkdir(parents=True)
        (folder / f"{package}.py").write_text(code, encoding="utf-8")
        lines = [f"{name} = {package}:{attribute}" for name, attribute in points.items()]
        (about / "entry_points.txt").write_text("\n".join(["[ilrec.agents]", *lines]), encoding="utf-8")
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8")
        monkeypatch.syspath_prepend(str(folder))

    return put


@pytest.mark.parametrize(
    ("code", "attribute", "message"),
    [
        (BROKEN, "Agent", "importable.*nothing_of_that_name"),
        ("def", "Agent", "importable.*SyntaxError"),
        (AGENT, "Missing", "importable.*Missing"),
        (AGENT, "not_a_class", "subclass"),
        (AGENT, "NoConfig", "subclass"),
        (AGENT, "Abstract", "must define act"),
        (AGENT, "Nameless", "entry point"),
        (AGENT, "Unsettled", "dataclass"),
    ],
)
def test_a_broken_plugin_is_told_of_and_takes_nothing_away(
    install: Any, code: str, attribute: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = attribute.lower()
    before = list_agents()
    install(f"broken_{name}_{len(code)}", code, **{name: attribute})
    assert list_agents() == before
    with pytest.raises(PluginError, match=f"(?s){message}.*broken_{name}"):
        agent_class(name)
    assert main(["agents"]) == 0
    said = capsys.readouterr()
    assert len([line for line in said.out.splitlines() if line.startswith("  ")]) == len(before)
    assert re.search(f"(?s)not usable: {name}: .*{message}", said.err)
    assert make_agent("random", gym.make("ilrec/MovieLens-v0")).name == "random"


def test_a_name_that_is_taken_stays_with_whom_had_it(install: Any, capsys: pytest.CaptureFixture[str]) -> None:
    install("usurper", AGENT, ppo="Good")
    assert agent_class("ppo").__module__ == AGENTS["ppo"].split(":")[0]
    assert [agent.package for agent in list_agents() if agent.name == "ppo"] == ["ilrec-gym"]
    [(name, error)] = broken_plugins().items()
    assert "usurper" in name and "'ppo' is ilrec-gym's" in str(error)
    assert main(["agents"]) == 0
    assert "not usable: ppo (usurper)" in capsys.readouterr().err


def test_two_packages_cannot_have_one_name(install: Any) -> None:
    install("second", AGENT, good="Good")
    install("first", AGENT, good="Good")
    assert [agent.package for agent in list_agents() if agent.name == "good"] == ["first"]
    assert "first's" in str(broken_plugins()["good (second)"])
    assert agent_class("good").__module__ == "first"


def test_the_tutorial_is_this_package() -> None:
    """What the page tells people to write is what is installed and tested here."""
    page = (ROOT / "docs" / "tutorials" / "write_an_agent.md").read_text(encoding="utf-8")
    code = (PLUGIN / "logged_mean.py").read_text(encoding="utf-8")
    assert code.partition("\n\n")[2] in page
    assert (PLUGIN / "pyproject.toml").read_text(encoding="utf-8") in page
    body = [line for line in code.partition('"""The film')[2].splitlines() if line.strip()]
    assert len(body) <= 30
