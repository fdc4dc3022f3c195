"""Ratings of a log, read as the bandits read those that they get, and caution about what it does not say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ilrec_agents import make_agent
from ilrec_agents.datasets.playing import side_by_side
from ilrec_agents.offline.dataset import DatasetTask, Episode, SessionDataset
from ilrec_agents.offline.shown import histories
from ilrec_gym.errors import UsageError
from ilrec_gym.evaluation import evaluate
from ilrec_gym.testing.agents import begin

IDS = ["ilrec/MovieLens-Candidates-v0", "ilrec/MovieLens-v0"]


def logged(env: gym.Env, agent: str = "random", n: int = 60) -> SessionDataset:
    base: Any = env.unwrapped
    return dataset_of(env, side_by_side(make_agent(agent, env), base, np.arange(n)))


def dataset_of(env: gym.Env, episodes: list[Episode]) -> SessionDataset:
    base: Any = env.unwrapped
    return SessionDataset(tuple(episodes), base.sessions.n_actions, base.layout.size, DatasetTask(base.describe()))


@pytest.mark.parametrize("env_id", IDS)
def test_a_log_tells_the_histories_that_were_played(env_id: str) -> None:
    env = gym.make(env_id, max_steps=12)
    base: Any = env.unwrapped
    agent, seeds = make_agent("retriever_top1" if "Candidates" in env_id else "mmr", env), np.arange(10)
    sessions = base.batch(10, ("action_mask", "history"))
    observations, infos = sessions.reset(base.draw_users(seeds), seeds=seeds)
    while sessions.running.any():
        observations, *_, infos = sessions.step(agent.act(observations, infos))
    dataset = dataset_of(env, side_by_side(agent, base, seeds))
    told = histories(dataset, agent.task)
    width = told["history_items"].shape[1]
    assert_array_equal(told["step"], infos["step"])
    assert_array_equal(told["user_index"], infos["user_index"])
    assert_array_equal(told["history_items"], infos["history_items"][:, :width])
    np.testing.assert_allclose(told["history_ratings"], infos["history_ratings"][:, :width], rtol=1e-6)


def test_caution_is_about_what_the_log_does_not_know() -> None:
    env = gym.make(IDS[1], catalogue_size=400)
    dataset = logged(env, "epsilon_greedy", n=100)
    bold, shy = (make_agent("lcb", env, alpha=alpha, updates=3).fit(dataset) for alpha in (0.0, 1.0))
    _, observations, infos = begin(env, bold, steps=4)
    feared = bold.scores(observations, infos) - shy.scores(observations, infos)
    assert (feared > 0).all()
    known = shy.known
    taste = known.of_sessions(shy._features.past(infos), known.sums.theta.mean)
    doubt = known.doubt_of_items(np.arange(400), taste.mean)
    never, often = known.plays == 0, known.plays >= 10
    assert never.sum() > 20 and often.sum() > 20
    assert (doubt[:, often] < doubt[:, never].min(axis=1, keepdims=True)).all()
    assert feared.min() >= known.noise * np.sqrt(doubt.min())


def test_what_it_learns_is_worth_more_than_the_public_ranking() -> None:
    env = gym.make(IDS[1])
    agent = make_agent("lcb", env).fit(logged(env, "epsilon_greedy", 1500))
    lcb, mmr_ahead = (
        evaluate(player, env, episodes=100).R_traj.mean for player in (agent, make_agent("mmr_ahead", env))
    )
    assert lcb > mmr_ahead
    assert [record["updates"] for record in agent.history] == list(range(1, 11))
    noise = [record["noise"] for record in agent.history]
    assert noise == sorted(noise, reverse=True)


def test_logs_that_cannot_teach_it_are_refused() -> None:
    env = gym.make(IDS[0], max_steps=8)
    dataset, agent = logged(env, n=6), make_agent("lcb", env)
    with pytest.raises(UsageError, match="must have learned"):
        agent.act(*begin(env, agent)[1:])
    with pytest.raises(UsageError, match="must be the ratings that viewers gave"):
        agent.fit(dataset.with_rewards(np.zeros(dataset.n_transitions, np.float32)))
    for name, words in (("user_id", "who watched"), ("item_id", "which item was shown")):
        episodes = [replace(e, extras={k: v for k, v in e.extras.items() if k != name}) for e in dataset.episodes]
        with pytest.raises(UsageError, match=words):
            agent.fit(replace(dataset, episodes=tuple(episodes)))
    for settings in ({"alpha": -1.0}, {"updates": 0}):
        bad: dict[str, Any] = settings
        with pytest.raises(UsageError, match="must be"):
            make_agent("lcb", env, **bad)
