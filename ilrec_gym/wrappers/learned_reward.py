"""A wrapper that pays a learned reward in place of the viewer's rating."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from ilrec_gym.errors import UsageError

RewardFunction = Callable[
    [NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_]], NDArray[np.floating]
]
"""(observations ``(B, d)``, actions ``(B,)``, next observations ``(B, d)``, terminals ``(B,)``) -> rewards ``(B,)``."""


class LearnedReward(gym.Wrapper[Any, np.int64, Any, np.int64], gym.utils.RecordConstructorArgs):
    """Replaces the reward; the true one stays in ``info["rating"]``.

    Evaluation looks through wrappers and plays under the viewer's own rating, so this is for learning only.

    Args:
        env: An environment of this project, with flat or named observations.
        reward_model: Any callable that gives rewards for a batch of transitions; it is called with batches of one.
    """

    def __init__(self, env: gym.Env[Any, np.int64], reward_model: RewardFunction) -> None:
        gym.utils.RecordConstructorArgs.__init__(self, reward_model=reward_model)
        super().__init__(env)
        if not callable(reward_model):
            raise UsageError("reward_model must be callable", received=reward_model, fix="load_reward_model(path, env)")
        self.reward_model = reward_model
        self._before: NDArray[np.float32] | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin a session."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._before = _flat(observation)
        return observation, info

    def step(self, action: np.int64) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Show one film and pay what the reward model says.

        Raises:
            UsageError: A step before the first reset, or a reward that is not a finite number.
        """
        observation, rating, terminated, truncated, info = self.env.step(action)
        before, after = self._before, _flat(observation)
        if before is None:
            raise UsageError("a step needs a session that runs", fix="call reset() first")
        given = self.reward_model(before[None], np.asarray([action], np.int64), after[None], np.asarray([terminated]))
        if np.shape(given) != (1,) or not np.isfinite(given[0]):
            raise UsageError("a reward model must give one finite number per transition", received=given)
        self._before = after
        return observation, float(given[0]), terminated, truncated, info | {"rating": float(rating)}


def _flat(observation: Any) -> NDArray[np.float32]:
    return np.array(observation["features"] if isinstance(observation, dict) else observation, np.float32)
