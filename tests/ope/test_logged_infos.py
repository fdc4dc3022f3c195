"""What agents are told of logged steps is what they were told when those were played."""

from __future__ import annotations

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from tiny import tiny

import ilrec_gym  # noqa: F401, registers the environments
from ilrec_agents import make_agent
from ilrec_agents.base import StochasticAgent, allowed
from ilrec_agents.datasets.playing import play
from ilrec_agents.offline.dataset import DatasetTask, SessionDataset
from ilrec_agents.ope import softened
from ilrec_agents.ope.logged_infos import target_probabilities
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError

NAMED_DIFFERENTLY = {"seed", "session", "exit_reason"}  # the log does not hold them


class Noting(StochasticAgent):
    """Chooses uniformly and keeps what it was told."""

    name = "noting"
    info = ("action_mask", "history")

    def __init__(self, task):
        super().__init__(task, None)
        self.told = []

    def probabilities(self, observations, infos):
        self.told.append({"observations": observations.copy(), **{k: np.copy(v) for k, v in infos.items()}})
        mask = allowed(infos, (len(observations), self.task.n_actions))
        return mask / mask.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def candidates():
    return gym.make("ilrec/MovieLens-Candidates-v0", max_steps=12)


def sessions_of(agent, env, steps):
    base = env.unwrapped
    episodes = play(agent, base, steps=steps, first_seed=3)
    return SessionDataset(episodes, int(base.sessions.n_actions), base.layout.size, DatasetTask(base.describe()))


@pytest.mark.parametrize("place", ["offered", "catalogue", "bundled"])
def test_the_same_infos(candidates, place):
    env = candidates if place == "bundled" else tiny(place)
    playing, asked = Noting(Task.of(env)), Noting(Task.of(env))
    dataset = sessions_of(playing, env, 80)
    together = len(playing.told[0]["step"])  # they were played so many at a time, and kept in this order
    dataset = replace(dataset, episodes=dataset.episodes[:together])
    target_probabilities(asked, dataset)
    assert len(asked.told) == dataset.lengths.max() >= 4
    for step, (then, now) in enumerate(zip(playing.told, asked.told, strict=False)):
        assert then.keys() - NAMED_DIFFERENTLY - {"item_id", "rating"} <= now.keys()
        rows = np.flatnonzero(dataset.lengths > step)
        for name in now.keys() & then.keys() - NAMED_DIFFERENTLY:
            np.testing.assert_allclose(now[name][rows], then[name][rows], atol=1e-6, err_msg=f"{name} at {step}")


@pytest.mark.parametrize(
    ("name", "settings"),
    [("logging", {}), ("retriever_random", {}), ("epsilon_greedy", {"scores": "mmr"}), ("popular", {})],
)
def test_the_same_probabilities(candidates, name, settings):
    agent = softened(make_agent(name, candidates, **settings), epsilon=0.3)
    dataset = sessions_of(agent, candidates, 150)
    np.testing.assert_allclose(target_probabilities(agent, dataset), dataset.extra("probabilities"), atol=1e-9)


def test_softened(env):
    top, rng = make_agent("retriever_top1", env), np.random.default_rng(0)
    x = rng.random((5, Task.of(env).layout.size)).astype(np.float32)
    mask = np.array([[True, True, False, True]] * 5)
    half = softened(top, epsilon=0.5).probabilities(x, {"action_mask": mask})
    np.testing.assert_allclose(half, [[0.5 + 0.5 / 3, 0.5 / 3, 0, 0.5 / 3]] * 5)
    soft = softened(top, temperature=2.0).probabilities(x, {"action_mask": mask})
    weights = np.exp([0, -0.5, -np.inf, -1.5])
    np.testing.assert_allclose(soft, [weights / weights.sum()] * 5)
    assert softened(top) is top


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (lambda env, data: (make_agent("oracle_one_step", env), data), "sees the truth"),
        (lambda env, data: (make_agent("popular", gym.make("ilrec/MovieLens-v0")), data), "differs in: .*n_actions"),
        (lambda env, data: (make_agent("logging", env), without(data, "user_id")), "no extra 'user_id'"),
        (lambda env, data: (make_agent("popular", env), without(data, "candidates")), "no extra 'candidates'"),
        (lambda env, data: (Asking(Task.of(env)), data), "asks for 'patience'"),
        (lambda env, data: (Scores(Task.of(env)), data), "sum to 1"),
    ],
)
def test_refused(candidates, spoil, rule):
    data = sessions_of(make_agent("retriever_random", candidates), candidates, 20)
    agent, data = spoil(candidates, data)
    with pytest.raises(UsageError, match=rule):
        target_probabilities(agent, data)


def test_too_much_is_refused(env, monkeypatch):
    monkeypatch.setattr("ilrec_agents.ope.logged_infos._MOST", 100)
    agent = make_agent("retriever_random", env)
    with pytest.raises(UsageError, match="32 steps x 4 actions"):
        target_probabilities(agent, sessions_of(agent, env, 32))


def test_softening_is_refused(env):
    with pytest.raises(UsageError, match="agents with scores"):
        softened(make_agent("retriever_random", env), temperature=1.0)
    with pytest.raises(UsageError, match="epsilon"):
        softened(make_agent("retriever_top1", env), epsilon=1.5)


class Asking(Noting):
    def probabilities(self, observations, infos):
        return infos["patience"]


class Scores(Noting):
    def probabilities(self, observations, infos):
        return observations[:, : self.task.n_actions] + 2


def without(dataset, extra):
    episodes = tuple(
        replace(e, extras={name: value for name, value in e.extras.items() if name != extra}) for e in dataset.episodes
    )
    return replace(dataset, episodes=episodes)
