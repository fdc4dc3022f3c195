"""What the pages say is what the code does: every Python block runs, every command and link exists."""

from __future__ import annotations

import importlib
import inspect
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import get_type_hints

import gymnasium as gym
import pytest

import ilrec_gym
from ilrec_gym.cli import main
from ilrec_gym.envs.setting import SettingOptions
from ilrec_gym.testing.envs import action_of

ROOT = Path(__file__).parents[2]
MADE_FROM_CODE = {"environments", "api"}  # except their index; the docstrings are tested below
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if path.name == "index.md" or path.parent.name not in MADE_FROM_CODE
    if "_build" not in path.parts
)
SECTIONS = [
    "Description", "Action Space", "Observation Space", "Rewards", "Starting State", "Episode End", "Information",
    "Arguments", "Version History",
]  # fmt: skip
# The first id of each environment class.
CLASSES = sorted({entry.entry_point: name for name, entry in reversed(ilrec_gym.ENV_IDS.items())}.values())


def blocks(text: str, language: str) -> Iterator[tuple[int, str]]:
    """Each fenced block of a language: its first line's number, and the code."""
    for found in re.finditer(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield text.count("\n", 0, found.start(1)), found.group(1)


def run_blocks(text: str, name: str) -> int:
    """Run the Python blocks of one page from top to bottom, as a reader would; the count of blocks."""
    module = ModuleType("__main__")
    count = 0
    for line, code in blocks(text, "python"):
        # Blank lines in front, so that a traceback names the line of the page.
        exec(compile("\n" * line + code, name, "exec"), module.__dict__)
        count += 1
    return count


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if list(blocks(page.read_text(encoding="utf-8"), "python"))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_blocks(page.read_text(encoding="utf-8"), str(page))


def test_the_pages_that_teach_have_code() -> None:
    for page in ("README.md", "docs/tutorials/first_session.md", "docs/agents.md"):
        assert list(blocks((ROOT / page).read_text(encoding="utf-8"), "python")), page


def test_readme_starts_with_its_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for heading, command in {"Quickstart": "make quickstart", "Tests": "make test"}.items():
        section = re.split(r"^## ", text.split(f"\n## {heading}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]
        assert next(blocks(section, "sh"))[1].strip() == command


def test_commands_and_their_options_exist(capsys: pytest.CaptureFixture[str]) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page, line in command_lines():
        match shlex.split(line, comments=True):
            case ["make", target, *_]:
                assert target in targets, f"{page}: {line}"
            case ["ilrec", command, *arguments] if not command.startswith("-"):
                told = help_of(capsys, command)
                if arguments and re.search(rf"[{{,]{re.escape(arguments[0])}[,}}]", told):
                    told = help_of(capsys, command, arguments[0])
                for option in (argument for argument in arguments if argument.startswith("--")):
                    assert f"{option} " in told or f"{option}\n" in told, f"{page}: {line}"


def help_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What ``ilrec ... --help`` prints."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def command_lines() -> Iterator[tuple[Path, str]]:
    """Each line of each ``sh`` block, continued lines joined."""
    for page in PAGES:
        for _, code in blocks(page.read_text(encoding="utf-8"), "sh"):
            yield from ((page, line) for line in code.replace("\\\n", " ").splitlines())


def test_links_to_files_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not target.startswith("mailto:"):
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


@pytest.mark.parametrize("name", CLASSES)
def test_environment_docstrings_follow_the_order(name: str) -> None:
    doc = environment_doc(name)
    assert re.findall(r"^## (.+)$", doc, re.MULTILINE) == SECTIONS
    run_blocks(doc, name)


@pytest.mark.parametrize("name", CLASSES)
def test_every_info_key_is_documented(name: str) -> None:
    env = gym.make(name, dataset="ml-latest-small", info=["action_mask", "history"])
    _, before = env.reset(seed=0)
    _, _, _, _, after = env.step(action_of(env.action_space, 0))
    information = section_of(environment_doc(name), "Information")
    if "As in" in information:
        information += section_of(environment_doc("ilrec/MovieLens-v0"), "Information")
    documented = set(re.findall(r"`(\w+)`", information))
    assert before.keys() | after.keys() <= documented
    assert documented <= before.keys() | after.keys() | {"ilrec", "n_candidates", "slate_size"}


@pytest.mark.parametrize("name", CLASSES)
def test_every_argument_is_documented(name: str) -> None:
    arguments = section_of(environment_doc(name), "Arguments")
    if "Those of" in arguments:
        arguments += section_of(environment_doc("ilrec/MovieLens-v0"), "Arguments")
    documented = set(re.findall(r"`(\w+)`:", arguments))
    parameters = set()
    for cls in environment_class(name).__mro__:
        if "__init__" in vars(cls) and cls.__module__.startswith("ilrec_gym"):
            kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
            parameters |= {p.name for p in inspect.signature(cls.__init__).parameters.values() if p.kind not in kinds}
        parameters |= get_type_hints(SettingOptions).keys() - {"n_candidates", "slate_size"}
    assert documented == parameters - {"self"}


def test_the_picture_in_readme_is_what_the_script_draws() -> None:
    script = ROOT / "docs" / "_ext" / "method_picture.py"
    code = f"import runpy; print(runpy.run_path({str(script)!r})['svg']('wide'))"
    drawn = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert drawn == (ROOT / "docs" / "_static" / "method.svg").read_text(encoding="utf-8")


def environment_class(name: str) -> type:
    module, _, attribute = ilrec_gym.ENV_IDS[name].entry_point.partition(":")
    return getattr(importlib.import_module(module), attribute)


def environment_doc(name: str) -> str:
    return inspect.getdoc(environment_class(name)) or ""


def section_of(doc: str, title: str) -> str:
    """The text under one heading."""
    return re.split(r"^## ", doc.split(f"## {title}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]
