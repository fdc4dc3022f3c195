"""Saved agents, world models and reward models: whose folder they replace, and what is refused when they are read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny import random_sessions, tiny

from ilrec_agents import load_agent, make_agent
from ilrec_agents.imitation.reward_model import load_reward_model, make_reward_model
from ilrec_agents.model_based.world_model import WorldModel, make_world_model
from ilrec_agents.task import Task
from ilrec_gym.errors import ArtefactError, UnknownNameError, UsageError
from ilrec_gym.files import sha256

KINDS = ("agent.json", "world.json", "reward.json")


@pytest.fixture(scope="module")
def world() -> Any:
    env = tiny("catalogue")
    model = make_world_model(env, device="cpu", members=1, updates=5, hidden=8)
    return model.fit(random_sessions(env, 20))


@pytest.fixture
def save(world: Any) -> Callable[[str, Path], Any]:
    """A function that saves one of a kind, named by its file."""

    def save(kind: str, folder: Path) -> Any:
        env = tiny("catalogue")
        if kind == "agent.json":
            return make_agent("mmr", env).save(folder)
        return world.save(folder) if kind == "world.json" else make_reward_model("constant", env).save(folder)

    return save


def read(kind: str, folder: Path) -> Any:
    env = tiny("catalogue")
    if kind == "agent.json":
        return load_agent(folder, env)
    if kind == "world.json":
        return WorldModel.read(folder, Task.of(env), device="cpu")
    reseal(folder / kind)
    return load_reward_model(folder, env)


def reseal(path: Path) -> None:
    """Let the card be of the file as it is now."""
    card = path.with_name(path.name + ".card.json")
    card.write_text(json.dumps(json.loads(card.read_text()) | {"sha256": sha256(path)}))


def edited(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    about = json.loads(path.read_text())
    change(about)
    path.write_text(json.dumps(about))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda about: about["config"].update(no_such=1), "unknown: no_such; missing: none"),
        (lambda about: about["config"].pop(next(iter(about["config"]))), "unknown: none; missing: "),
        (lambda about: about.update(config=[1]), "value of its type"),
        (lambda about: about.update(task=None), "value of its type"),
        (lambda about: about.update(seed="0"), "value of its type"),
        (lambda about: about.update(seed=True), "value of its type"),
        (lambda about: about.update(seed=-1), "value of its type"),
        (lambda about: about.update(format=2), "must have format 1"),
        (lambda about: about.update(format=None), "must have format 1"),
        (lambda about: about.pop("seed"), "without seed"),
        (lambda about: about["task"].update(max_steps=7, slate_size=3), "differs in: max_steps, slate_size"),
    ],
)
def test_what_is_malformed_is_refused(kind: str, change: Any, said: str, save: Any, tmp_path: Path) -> None:
    save(kind, tmp_path / "saved")
    edited(tmp_path / "saved" / kind, change)
    with pytest.raises(ArtefactError, match=said):
        read(kind, tmp_path / "saved")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"agent": ["epsilon_greedy"]}, "value of its type"),
        ({"agent": None}, "value of its type"),
        ({"files": ["a"]}, "value of its type"),
        ({"files": {"a": 1}}, "the file that agent.json names"),
        ({"config": {"epsilon": 2.0, "scores": "mmr"}}, "must be valid"),
        ({"config": {"epsilon": "much", "scores": "mmr"}}, "must be valid"),
        ({"config": {"epsilon": 0.1, "scores": ["mmr"]}}, "must be valid"),
    ],
)
def test_a_malformed_agent_is_refused(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    make_agent("epsilon_greedy", tiny("catalogue")).save(tmp_path / "saved")
    edited(tmp_path / "saved" / "agent.json", lambda about: about.update(change))
    with pytest.raises(ArtefactError, match=said):
        read("agent.json", tmp_path / "saved")


def test_an_agent_that_is_not_installed_is_named(save: Any, tmp_path: Path) -> None:
    save("agent.json", tmp_path / "saved")
    edited(tmp_path / "saved" / "agent.json", lambda about: about.update(agent="mmrr"))
    with pytest.raises(UnknownNameError, match="'mmr'"):
        read("agent.json", tmp_path / "saved")


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_written_before_formats_is_read(kind: str, save: Any, tmp_path: Path) -> None:
    save(kind, tmp_path / "saved")
    assert json.loads((tmp_path / "saved" / kind).read_text())["format"] == 1
    edited(tmp_path / "saved" / kind, lambda about: about.pop("format"))
    read(kind, tmp_path / "saved")


@pytest.mark.parametrize("kind", KINDS)
def test_folders_of_something_else_are_left_alone(kind: str, save: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("kept")
    with pytest.raises(UsageError, match=r"notes\.txt"):
        save(kind, tmp_path)
    with pytest.raises(UsageError, match="a file"):
        save(kind, tmp_path / "notes.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    for _ in range(2):
        save(kind, tmp_path / "saved")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "saved"]


def test_an_agent_with_a_world_model_is_no_world_model(world: Any, tmp_path: Path) -> None:
    """Model-based agents keep ``world.json`` in their own folder, which saving a world model must not replace."""
    (tmp_path / "mopo").mkdir()
    world.write(tmp_path / "mopo")
    (tmp_path / "mopo" / "agent.json").write_text("{}")
    with pytest.raises(UsageError, match=r"world\.json\.card\.json"):
        world.save(tmp_path / "mopo")
    assert (tmp_path / "mopo" / "agent.json").exists()
