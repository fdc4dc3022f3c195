"""The published user models on the bundled data: one session is the same in every form of the environment."""

import gymnasium as gym
import numpy as np
import pytest

import ilrec_gym  # noqa: F401
from ilrec_gym.envs.vector import MovieLensVectorEnv

ID, ROWS = "ilrec/MovieLens-v0", 6
MODELS = [
    "ilrec", "billp", "easyrl4rec", "dorl",
    {"name": "easyrl4rec", "threshold": 0.05, "threshold_unit": "quantile"},
    {"name": "dorl", "window": 9, "at_most": 1},
]  # fmt: skip


def actions_of(seed):
    """Items of each row, step by step; the third row repeats one item until the user leaves."""
    actions = np.random.default_rng(seed).integers(2000, size=(12, ROWS))
    actions[:, 2] = actions[0, 2]
    return actions


def scalar(model, seed):
    """Sessions played one at a time: (rating, terminated, truncated, reason) for each step."""
    sessions = []
    for row in range(ROWS):
        env = gym.make(ID, user_model=model, split="test", max_steps=10)
        env.reset(seed=seed + row)
        session = []
        for item in actions_of(seed)[:, row]:
            _, rating, left, reached, info = env.step(int(item))
            session.append((rating, left, reached, info["exit_reason"] or ""))
            if left or reached:
                break
        sessions.append(session)
    return sessions


def vector(model, seed, device=None):
    """The same, side by side; rows that have ended are reset at once and looked at no more."""
    move = np.asarray if device is None else pytest.importorskip("torch").as_tensor
    env = MovieLensVectorEnv(
        ROWS, user_model=model, split="test", max_steps=10, autoreset_mode="same_step", device=device
    )
    env.reset(seed=seed)
    reasons = np.array(["", *env.setting.user_model.exit_reasons])
    sessions, running = [[] for _ in range(ROWS)], [True] * ROWS
    for actions in actions_of(seed):
        _, ratings, left, reached, infos = env.step(move(actions))
        for row in np.flatnonzero(running):
            final = infos["final_info"] if left[row] or reached[row] else infos
            reason = final["exit_reason"][row] if device is None else reasons[int(final["exit_code"][row])]
            sessions[row].append((float(ratings[row]), bool(left[row]), bool(reached[row]), str(reason)))
            running[row] = not (left[row] or reached[row])
    return sessions


@pytest.mark.parametrize("device", [None, "cpu"])
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_every_form_plays_the_same_sessions(model, device):
    expected, found = scalar(model, seed=5), vector(model, 5, device)
    for session, other in zip(expected, found, strict=True):
        assert [step[1:] for step in session] == [step[1:] for step in other]
        assert [step[0] for step in session] == pytest.approx([step[0] for step in other], abs=1e-9)
    assert any(step[1] for session in expected for step in session)


@pytest.mark.parametrize("model", MODELS[:-1], ids=str)
def test_a_repeat_ends_the_session_at_once(model):
    """Also in the first steps, where windows that wrap around would miss it; the last model lets a genre come twice."""
    for session in scalar(model, seed=5)[2:3]:
        assert len(session) <= 2 and session[-1][1]


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_nobody_leaves_at_the_first_step_but_by_a_low_rating(model):
    for session in scalar(model, seed=5):
        _, left, _, reason = session[0]
        assert not left or (model == "ilrec" and reason == "low_rating")
