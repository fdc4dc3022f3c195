"""Environments to wrap: this project's, and one that knows nothing of it."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import ilrec_gym  # noqa: F401, registers the environments

WHOLE, OFFERED = "ilrec/MovieLens-v0", "ilrec/MovieLens-Candidates-v0"


class Foreign(gym.Env[Any, Any]):
    """Seven actions, ten steps, no masks, and nothing of this project."""

    action_space = gym.spaces.Discrete(7)
    observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.played: list[int] = []
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.played.append(int(action))
        return np.zeros(2, np.float32), 0.0, len(self.played) == 10, False, {}


@pytest.fixture
def foreign() -> Foreign:
    return Foreign()
