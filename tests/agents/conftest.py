"""Sessions that agents learn from, played in memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import gymnasium as gym
import numpy as np
import pytest

import ilrec_gym  # noqa: F401, registers the environments
from ilrec_agents import make_agent
from ilrec_agents.offline.dataset import DatasetTask, Episode, SessionDataset

CANDIDATES = "ilrec/MovieLens-Candidates-v0"
Play = Callable[..., SessionDataset]


@cache
def played(agent: str, n: int, seed: int = 0, env_id: str = CANDIDATES, max_steps: int = 100) -> SessionDataset:
    """n sessions of an agent with train users; session i has the seed ``seed + i``."""
    base = gym.make(env_id, max_steps=max_steps).unwrapped
    player = make_agent(agent, base)
    sessions, seeds = base.batch(n, player.info), seed + np.arange(n)
    observations, infos = sessions.reset(base.draw_users(seeds), seeds=seeds)
    seen, taken, extras = [observations], [], {}
    ids = base.scenario.catalogue.ids
    while sessions.running.any():
        taken.append(player.act(observations, infos))
        said = player.explain()
        if said and "propensity" in said[0]:
            extras.setdefault("propensity", []).append(np.array([one["propensity"] for one in said]))
        if "candidates" in infos:
            extras.setdefault("candidates", []).append(ids[infos["candidates"]])
        observations, *_, infos = sessions.step(taken[-1])
        extras.setdefault("item_id", []).append(infos["item_id"])
        extras.setdefault("user_id", []).append(infos["user_id"])
        seen.append(observations)
    x, a, lengths = np.stack(seen), np.stack(taken), sessions.state.steps
    ended = sessions.infos()["exit_reason"] != ""
    columns = {name: np.stack(values) for name, values in extras.items()}
    episodes = [
        Episode(
            x[: lengths[i] + 1, i], a[: lengths[i], i], sessions.state.ratings[i, : lengths[i]], ended[i],
            {name: column[: lengths[i], i] for name, column in columns.items()},
        )
        for i in range(n)
    ]  # fmt: skip
    return SessionDataset(tuple(episodes), int(sessions.n_actions), base.layout.size, DatasetTask(base.describe()))


@pytest.fixture(scope="session")
def play() -> Play:
    """A function that gives n sessions of a registered agent as a dataset."""
    return played


@pytest.fixture(scope="session")
def env() -> gym.Env:
    return gym.make(CANDIDATES)
