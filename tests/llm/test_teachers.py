"""The four agents: whole sessions with every grounding, parts taken away, saved and reloaded, and what they say."""

import json
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from tiny_teachers import NAMES, SMALL, STEPS, TRAINED, WHOLE, assert_alike, begun, notes_of

from ilrec_agents import load_agent
from ilrec_gym.cli import main

pytest.importorskip("faiss")


@pytest.mark.parametrize("grounding", ["likelihood", "constrained", "free_text"])
@pytest.mark.parametrize("name", NAMES)
def test_they_play_with_every_grounding_and_say_what_they_did(name, grounding, teacher, test_env):
    agent = teacher(name, grounding=grounding, training_sessions=1)
    for step in notes_of(agent, test_env, steps=3):
        for note in step:
            json.dumps(note, allow_nan=False)
            assert note["tokens"] == note["tokens_in"] + note["tokens_out"] and note["tokens_out"] > 0
            assert 0 < note["propensity"] <= 1 and note["ms"] > 0 and note["prompt"] and note["proposed"]
            assert note["outside"] in ((False, True) if grounding == "free_text" else (False,))
            assert ("thought" in note) == (name in ("react", "reflexion"))
            assert ("plan" in note) == ("value" in note) == (name == "billp")
            assert -5 <= note.get("value", 0) <= 5
            assert note["reason"] == (note.get("thought") or note.get("plan") or "")


@pytest.mark.parametrize("grounding", ["likelihood", "constrained", "free_text"])
def test_they_play_on_the_whole_catalogue(grounding, teacher):
    env = gym.make(WHOLE, max_steps=STEPS)
    agent = teacher("billp", env, grounding=grounding, training_sessions=1)
    sessions, observations, infos = begun(env, agent)
    for _ in range(2):
        actions = agent.act(observations, infos)
        assert infos["action_mask"][np.arange(3), actions].all()
        observations, *_, infos = sessions.step(actions)


@pytest.mark.parametrize("name", NAMES)
def test_saved_and_reloaded_they_say_and_do_the_same(name, teacher, train_env, test_env, tmp_path):
    agent = teacher(name)
    agent.save(tmp_path / "agent")
    loaded = load_agent(tmp_path / "agent", train_env, device="cpu")
    assert loaded.config == agent.config and loaded.history == agent.history
    assert_alike(notes_of(loaded, test_env, steps=3), notes_of(agent, test_env, steps=3))
    written = {path.suffix for path in (tmp_path / "agent").iterdir()}
    assert written == ({".json", ".jsonl", ".npy"} if name in TRAINED else {".json"})


@pytest.mark.parametrize(
    ("name", "config", "gone"),
    [
        ("react", {"max_thought_tokens": 0}, {"thought"}),
        ("reflexion", {"reflections": 0}, {"recalled"}),
        ("billp", {"max_plan_tokens": 0}, {"plan"}),
        ("billp", {"max_reflection_tokens": 0}, {"recalled"}),
        ("billp", {"advice": 0}, {"encouraged", "discouraged", "value"}),
        ("billp", {"critic_always": False}, {"value"}),
    ],
)
def test_parts_can_be_taken_away(name, config, gone, teacher, test_env):
    agent = teacher(name, **config, training_sessions=1)
    said = {key for step in notes_of(agent, test_env, steps=2) for note in step for key in note}
    assert not said & gone
    full = {key for step in notes_of(teacher(name), test_env, steps=2) for note in step for key in note}
    assert gone <= full


def test_genres_of_own_data_are_cleaned_as_titles_are(teacher, monkeypatch):
    script = teacher("act_only").decider.script
    token = next(iter(script._backend.special))
    named = [f"Drama{token.upper()} Rules:", f"War{token}\n" + "x" * 1000]
    monkeypatch.setattr(type(script._task.catalogue), "genres_of", lambda self, item: named)
    said = script._genres(0)
    assert said.startswith("drama") and token not in said and "\n" not in said and len(said) < 500


def test_draws_follow_the_session_and_the_seed(teacher, test_env):
    warm = {"temperature": 1.0, "shortlist": 20}
    agent = teacher("act_only", **warm)
    first = notes_of(agent, test_env, steps=2)
    assert_alike(first, notes_of(teacher("act_only", **warm), test_env, steps=2))
    assert all(0 < note["propensity"] < 1 for step in first for note in step)


def test_the_commands_train_and_evaluate(model, tmp_path: Path, capsys):
    config = {"model": model} | SMALL | {"training_sessions": 2}
    settings = [part for name, value in config.items() for part in ("--set", f"{name}={value}")]
    env = ["--set-env", f"max_steps={STEPS}"]
    plain = [*settings, "--set", "grounding=free_text", "--episodes", "2", *env]
    assert main(["evaluate", "act_only", *plain]) == 0
    assert main(["train", "billp", "--out", str(tmp_path / "billp"), *settings, *env]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(tmp_path / "billp"), "--episodes", "2", *env]) == 0
    assert "R_traj" in capsys.readouterr().out
    assert main(["evaluate", "billp", *plain]) != 0
    assert "ilrec train billp" in capsys.readouterr().err
