"""Demonstrations of language models: a tiny real model plays, is interrupted and goes on; its traces go everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from tiny_teachers import assert_same

from ilrec_agents import Agent, make_agent
from ilrec_agents.llm.models.tiny import tiny_model
from ilrec_demos.cards import markdown_path
from ilrec_demos.cli import main
from ilrec_demos.collect import collect
from ilrec_demos.export import export
from ilrec_demos.journal import SESSIONS, Journal, Session
from ilrec_demos.jsonl import read_jsonl
from ilrec_demos.trace import Trace
from ilrec_demos.validation import validate

pytest.importorskip("transformers")

N, BATCH = 5, 3
Teachers = Callable[..., Agent]
SMALL = {"max_reflection_tokens": 4, "encoder": "model"}
AGENTS: dict[str, dict[str, Any]] = {
    "llm": {"max_reason_tokens": 4},
    "act_only": {},
    "react": {"max_thought_tokens": 4},
    "reflexion": {"max_thought_tokens": 4, "training_sessions": 0, **SMALL},
    "billp": {"max_plan_tokens": 4, "training_sessions": 2, **SMALL},
}


@pytest.fixture(scope="module")
def short() -> gym.Env[Any, Any]:
    """Sessions of six films."""
    return gym.make("ilrec/MovieLens-Candidates-v0", max_steps=6)


@pytest.fixture(scope="module")
def model(env: gym.Env[Any, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two layers with random weights, and room for prompts in which most tokens are single letters."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    return str(tiny_model(folder, env.unwrapped.scenario.catalogue.titles, max_position_embeddings=8192))


@pytest.fixture(scope="module")
def teacher(model: str, short: gym.Env[Any, Any]) -> Callable[..., Agent]:
    """A function that makes an agent by name, ready to play."""

    def make(name: str, **more: Any) -> Agent:
        agent = make_agent(name, short, device="cpu", model=model, **AGENTS[name] | more)
        return agent.fit(short) if agent.learns_from == "env" else agent

    return make


class Killed(BaseException):
    """What an interruption raises."""


def interrupted(agent: Agent, after: int) -> Agent:
    """The agent, which is interrupted when it has decided so many times."""
    act, calls = agent.act, iter(range(after))

    def act_until(observations: Any, infos: Any) -> Any:
        if next(calls, None) is None:
            raise Killed
        return act(observations, infos)

    agent.act = act_until  # type: ignore[method-assign]
    return agent


def assert_alike(one: Session, other: Session) -> None:
    """The same session, as far as batches of other sizes allow."""
    assert (one.number, one.seed, one.user_id, one.exit_reason) == (
        other.number,
        other.seed,
        other.user_id,
        other.exit_reason,
    )
    for a, b in zip(one.steps, other.steps, strict=True):
        assert (a.action, a.item_id, a.rating, a.candidates) == (b.action, b.item_id, b.rating, b.candidates)
        assert_same(Trace.of(a).to_json(), Trace.of(b).to_json())


@pytest.mark.parametrize("name", AGENTS)
def test_a_language_model_goes_on_where_it_was_interrupted(
    name: str, teacher: Teachers, short: gym.Env[Any, Any], tmp_path: Path
) -> None:
    more = {"temperature": 1.0}
    whole = collect(teacher(name, **more), short, tmp_path / "whole", sessions=N, batch_size=BATCH)
    draw, resumed = np.random.default_rng(0), tmp_path / "resumed"
    for _ in range(3):
        agent = interrupted(teacher(name, **more), int(draw.integers(1, 8)))
        with pytest.raises(Killed):
            collect(agent, short, resumed, sessions=N, batch_size=BATCH, resume=True)
        content = (resumed / SESSIONS).read_bytes()
        (resumed / SESSIONS).write_bytes(content[: draw.integers(len(content) // 2, len(content) + 1)])
    again = collect(teacher(name, **more), short, resumed, sessions=N, batch_size=BATCH, resume=True)
    assert again.header == whole.header
    for one, other in zip(again.sessions, whole.sessions, strict=True):
        assert_alike(one, other)


@pytest.fixture(scope="module", params=["llm", "react", "billp"])
def played(
    request: Any, teacher: Teachers, short: gym.Env[Any, Any], tmp_path_factory: pytest.TempPathFactory
) -> Journal:
    folder = tmp_path_factory.mktemp(request.param) / "log"
    return collect(teacher(request.param), short, folder, sessions=3, batch_size=3)


def test_traces_are_typed_and_exported(played: Journal, short: gym.Env[Any, Any], tmp_path: Path) -> None:
    for session in played.sessions:
        for step in session.steps:
            trace = Trace.of(step)
            assert trace.tokens and trace.tokens_in and trace.ms and trace.score is not None and not trace.more
            if played.header.agent["name"] != "llm":
                assert trace.prompt and trace.output and trace.proposed and trace.outside is False
    assert validate(played.path, short).findings == []
    place = export(played, tmp_path / "set", short, form="jsonl")[1]
    assert read_jsonl(place) == Journal.read(played.path).sessions
    assert validate(place, short).findings == []
    page = markdown_path(place).read_text(encoding="utf-8")
    assert "with the language model `" in page and "SHA-256 `" in page.split("## Prompts")[1]
    assert "| `reason` |" in page or played.header.agent["name"] == "act_only"


def test_traces_are_inspected(played: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(played.path), "--prompts", "--width", "70"]) == 0
    said = capsys.readouterr().out
    name = played.header.agent["name"]
    for label in {"llm": ["reason"], "react": ["thought", "prompt", "output"], "billp": ["plan", "prompt"]}[name]:
        assert f"\n     {label} " in said
    assert not [character for character in said if not character.isprintable() and character != "\n"]


def test_a_saved_teacher_demonstrates(teacher: Teachers, tmp_path: Path, capsys: Any) -> None:
    teacher("billp").save(tmp_path / "teacher")
    log, more = str(tmp_path / "log"), ["--sessions", "2", "--set-env", "max_steps=6", "--device", "cpu"]
    collecting = ["collect", "--agent", str(tmp_path / "teacher"), "--out", log, *more]
    assert main(collecting) == 0
    learned = Journal.read(log).header.agent["learned"]
    assert learned and all(len(checksum) == 64 for checksum in learned.values())
    assert main([*collecting, "--set", "temperature=1"]) == 2
    teacher("billp", training_sessions=1).save(tmp_path / "teacher")
    assert main([*collecting, "--resume"]) == 2
    assert "can be resumed only with what it was begun with" in capsys.readouterr().err
    assert main(["collect", "--agent", "billp", "--out", log + "2", *more]) == 2
    assert "must learn before it demonstrates" in capsys.readouterr().err
