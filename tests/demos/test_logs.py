"""Logged sessions: the ratings as they were logged, and what the environment would have shown of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from ilrec_agents import make_agent
from ilrec_agents.offline.dataset import SessionDataset, read_hdf5
from ilrec_demos.cli import main
from ilrec_demos.logs import data_of, logged_sessions
from ilrec_gym.cards import read_card
from ilrec_gym.data import load_dataset
from ilrec_gym.errors import DataError, UnknownNameError, UsageError
from ilrec_gym.wrappers import Candidates

MAX_STEPS, PROFILE = 30, 20


@pytest.fixture(scope="module")
def whole() -> Any:
    return gym.make("ilrec/MovieLens-v0", max_steps=MAX_STEPS)


@pytest.fixture(scope="module")
def logs(whole: Any) -> SessionDataset:
    return logged_sessions(whole)


def by_hand(env: Any, gap: float, log_end: str = "data") -> list[tuple[int, list[tuple[int, float, int]], bool]]:
    """User id, (item id, rating, time) of each step, and whether the user left; in plain Python, from the raw log."""
    data, scenario = load_dataset("ml-latest-small"), env.unwrapped.scenario
    log, catalogue = data.interactions, set(scenario.catalogue.ids.tolist())
    raw = zip(
        *(column.tolist() for column in (data.users.id[log.user], data.items.id[log.item], log.rating, log.timestamp)),
        strict=True,
    )
    by_user: dict[int, list[tuple[int, float, int]]] = {}
    for user, item, rating, time in raw:
        by_user.setdefault(user, []).append((item, rating, time))
    last_of_all, train, found = int(log.timestamp.max()), set(scenario.users.ids[env.unwrapped.users].tolist()), []
    for user, rows in by_user.items():
        if user not in train:
            continue
        seen = 0
        session: list[tuple[int, float, int]] = []
        for i, row in enumerate(rows):
            if row[0] in catalogue:
                seen += 1
                if seen > PROFILE:
                    session.append(row)
            nothing = last_of_all if log_end == "data" else row[2]
            pause = (rows[i + 1][2] if i + 1 < len(rows) else nothing) - row[2]
            if pause > 60 * gap or i + 1 == len(rows):
                for first in range(0, len(session), MAX_STEPS):
                    piece = session[first : first + MAX_STEPS]
                    last = first + MAX_STEPS >= len(session)
                    found.append((user, piece, last and pause > 60 * gap))
                session = []
    return found


def test_sessions_are_those_of_the_log(whole: Any, logs: SessionDataset) -> None:
    expected = by_hand(whole, gap=60)
    assert len(logs) == len(expected) > 4000
    for episode, (user, steps, left) in zip(logs.episodes, expected, strict=True):
        assert set(episode.extras["user_id"].tolist()) == {user}
        assert episode.extras["item_id"].tolist() == [step[0] for step in steps]
        assert episode.rewards.tolist() == [step[1] for step in steps]
        assert episode.extras["timestamp"].tolist() == [step[2] for step in steps]
        assert episode.terminated == left
    ids = whole.unwrapped.scenario.catalogue.ids
    assert (ids[logs.transitions().actions] == logs.extra("item_id")).all()
    assert logs.lengths.max() == MAX_STEPS and {episode.terminated for episode in logs.episodes} == {True, False}


def test_observations_are_what_the_environment_shows(logs: SessionDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment plays a user whose answers are the logged ratings, and shows the same to the last bit."""
    env = gym.make("ilrec/MovieLens-v0", max_steps=MAX_STEPS).unwrapped
    longest = np.argsort(-logs.lengths, kind="stable")[:40:10]
    for episode in [logs.episodes[0], *(logs.episodes[i] for i in longest)]:
        engine = env.batch(1)
        user = env.scenario.users.index_of(int(episode.extras["user_id"][0]))
        shown = [engine.reset([user])[0][0]]
        for t, (action, rating) in enumerate(zip(episode.actions, episode.rewards, strict=True), start=1):
            engine.observer.update(engine.observations, np.array([action]), np.array([float(rating)]), np.array([t]))
            shown.append(engine.observations[0].copy())
        np.testing.assert_array_equal(episode.observations, np.array(shown))
    space = env.layout.space()
    for episode in logs.episodes[::100]:
        assert all(row in space for row in episode.observations)


def test_the_observation_follows_from_what_is_public(whole: Any, logs: SessionDataset) -> None:
    """Rebuilt from the formulas: memories, ratings and steps of the longest sessions."""
    base = whole.unwrapped
    episode = logs.episodes[int(logs.lengths.argmax())]
    part = {name: base.layout.part(episode.observations, name) for name in base.layout.sizes}
    fast, average, vectors = np.zeros(part["memory_fast"].shape[1]), 0.0, base.scenario.catalogue.vectors
    for t, (action, rating) in enumerate(zip(episode.actions, episode.rewards, strict=True)):
        fast = 0.8 * fast + vectors[action]
        scaled = (rating - 2.75) / 2.25
        average = scaled if t == 0 else 0.8 * average + 0.2 * scaled
        assert part["memory_fast"][t + 1] == pytest.approx(fast, abs=1e-5)
        assert part["ratings"][t + 1, :2] == pytest.approx([scaled, average], abs=1e-5)
        assert part["steps"][t + 1] == pytest.approx(np.log(t + 2))


def test_how_many_are_observed_side_by_side_does_not_matter(whole: Any, logs: SessionDataset) -> None:
    again = logged_sessions(whole, batch_size=17)
    for one, other in zip(again.episodes[::97], logs.episodes[::97], strict=True):
        np.testing.assert_array_equal(one.observations, other.observations)


def test_centred_rewards(whole: Any, logs: SessionDataset) -> None:
    users, centred = whole.unwrapped.scenario.users, logged_sessions(whole, reward="centred")
    for one, other in list(zip(centred.episodes, logs.episodes, strict=True))[::50]:
        user = users.index_of(int(one.extras["user_id"][0]))
        assert one.rewards == pytest.approx(other.rewards - users.profile_ratings[user].mean(), abs=1e-6)
        np.testing.assert_array_equal(one.observations, other.observations)


def test_the_end_of_a_users_log_can_be_left_open(whole: Any, logs: SessionDataset) -> None:
    open_ended = logged_sessions(whole, log_end="user")
    ends = [episode.terminated for episode in open_ended.episodes]
    assert ends == [left for _, _, left in by_hand(whole, 60, "user")]
    assert 300 < sum(episode.terminated for episode in logs.episodes) - sum(ends) <= len(whole.unwrapped.users)


def test_one_session_of_each_user() -> None:
    env = gym.make("ilrec/MovieLens-v0", max_steps=3000)
    logs = logged_sessions(env, gap=None)
    users = [int(episode.extras["user_id"][0]) for episode in logs.episodes]
    assert len(users) == len(set(users)) and not any(episode.terminated for episode in logs.episodes)


def test_agents_learn_from_logs(whole: Any, logs: SessionDataset) -> None:
    few = replace(logs, episodes=logs.episodes[:60])
    for name in ("bc", "cql"):
        agent = make_agent(name, whole, updates=4, hidden=8).fit(few)
        observations, infos = whole.unwrapped.batch(3, agent.info).reset([0, 1, 2], seeds=[0, 1, 2])
        assert agent.act(observations, infos).shape == (3,)


def test_what_is_refused(whole: Any) -> None:
    for env in (gym.make("ilrec/MovieLens-Candidates-v0"), Candidates(gym.make("ilrec/MovieLens-v0"))):
        with pytest.raises(UsageError, match="whole catalogue"):
            logged_sessions(env)
    test = gym.make("ilrec/MovieLens-v0", split="test")
    with pytest.raises(UsageError, match="--allow-test-users"):
        logged_sessions(test)
    assert len(logged_sessions(test, allow_test_users=True)) > 1000
    with pytest.raises(UnknownNameError, match="did you mean 'centred'"):
        logged_sessions(whole, reward="centered")
    with pytest.raises(UsageError, match="more than the profile holds"):
        logged_sessions(gym.make("ilrec/MovieLens-v0", profile_length=5000))
    with pytest.raises(UsageError, match="must be given"):
        logged_sessions(gym.make("ilrec/MovieLens-v0", dataset=whole.unwrapped.scenario))


def test_the_log_has_to_be_the_environments(whole: Any) -> None:
    data = load_dataset("ml-latest-small")
    log = data.interactions
    late = np.flatnonzero(log.user == 3)[::-1]
    rows = np.arange(len(log))
    rows[late[::-1]] = late
    other = replace(data, interactions=replace(log, item=log.item[rows], rating=log.rating[rows]))
    with pytest.raises(DataError, match="profiles differ for 1 of"):
        logged_sessions(whole, other)
    made = gym.make("ilrec/MovieLens-v0", dataset=data)
    assert data_of(made.unwrapped) is data


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], logs: SessionDataset) -> None:
    path = tmp_path / "logs.h5"
    assert main(["logs", "ml-latest-small", "--out", str(path), "--set-env", f"max_steps={MAX_STEPS}"]) == 0
    out = capsys.readouterr().out
    assert f"{len(logs)} episodes, {logs.n_transitions} transitions, 3650 actions" in out and "ends: left" in out
    found = read_hdf5(path)
    assert found.task.fingerprint == logs.task.fingerprint and found.n_transitions == logs.n_transitions
    card = read_card(path, kind="dataset")
    parameters = {"gap": 60, "log_end": "data", "reward": "rating", "dataset": "ml-latest-small", "split": "train"}
    assert card["parameters"] == parameters and card["times_exact"] is True
    assert "the logged rating" in card["dataset"]["reward"] and "had no part" in card["source"]
    assert json.loads(json.dumps(card["task"]["env_spec"]))["kwargs"]["dataset"] == "ml-latest-small"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--format", "minary"], "did you mean 'minari'"),
        (["--id", "ilrec/x-v0"], "only a Minari dataset has an id"),
        (["--gap", "0"], "gap must be a number"),
        (["--log-end", "date"], "did you mean 'data'"),
        (["--split", "all"], "--allow-test-users"),
        (["--env", "ilrec/MovieLens-Candidates-v0"], "whole catalogue"),
    ],
)
def test_the_command_says_what_is_wrong(
    tmp_path: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["logs", "ml-latest-small", "--out", str(tmp_path / "x.h5"), *more]) == 2
    assert said in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.mark.ml1m
def test_filled_in_times_are_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str], ml1m_zip: Path) -> None:
    arguments = [
        "--set-env",
        f"data_path={ml1m_zip}",
        "--set-env",
        "catalogue_size=50",
        "--set-env",
        "profile_length=40",
    ]
    assert main(["logs", "ml-1m", "--out", str(tmp_path / "x.h5"), *arguments]) == 0
    assert "the times of this data set were filled in" in capsys.readouterr().out
