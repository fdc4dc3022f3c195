"""Sessions that agents learn from, played in memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import gymnasium as gym
import pytest
from tiny import sessions_of

from ilrec_agents.offline.dataset import SessionDataset

CANDIDATES = "ilrec/MovieLens-Candidates-v0"
Play = Callable[..., SessionDataset]


@cache
def played(agent: str, n: int, seed: int = 0, env_id: str = CANDIDATES, max_steps: int = 100) -> SessionDataset:
    """n sessions of an agent with train users; session i has the seed ``seed + i``."""
    return sessions_of(agent, gym.make(env_id, max_steps=max_steps), n, seed)


@pytest.fixture(scope="session")
def play() -> Play:
    """A function that gives n sessions of a registered agent as a dataset."""
    return played


@pytest.fixture(scope="session")
def env() -> gym.Env:
    return gym.make(CANDIDATES)
