"""What a policy is worth indeed: the simulator lets it play."""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import numpy as np

from ilrec_agents.base import Agent
from ilrec_gym.evaluation import Interval, evaluate

Z = 1.959964  # of a 95% interval


def played_returns(agent: Agent, env: gym.Env[Any, Any], *, repeats: int, seed: int) -> np.ndarray:
    """``(repeats, U, T)`` ratings of sessions with every user of the environment's split; 0 after a session's end.

    Where the second time is as the first, nothing is drawn by chance, and there is no third.
    """
    base: Any = env.unwrapped
    found: list[np.ndarray] = []
    for repeat in range(repeats):
        if len(found) == 2 and np.array_equal(found[0], found[1]):
            break
        log = evaluate(agent, env, seed=seed + repeat * len(base.users)).log
        ratings = np.zeros((len(log), int(base.max_steps)))
        ratings[:, : log.ratings.shape[1]] = np.where(log.steps, log.ratings, 0.0)
        found.append(ratings)
    return np.stack(found)


def true_value(ratings: np.ndarray, horizon: int, gamma: float) -> Interval:
    """The mean over users of the discounted return up to a horizon.

    These are all users there are, so nothing is uncertain about them; the interval says what chance is left in the
    draws of the policy and the simulator, by how much the repeats differ within a user.

    Args:
        ratings: ``(repeats, U, T)``.
        horizon: Steps that count.
        gamma: Discount per step.
    """
    steps = min(horizon, ratings.shape[2])
    returns = ratings[:, :, :steps] @ gamma ** np.arange(steps)
    repeats, users = returns.shape
    error = math.sqrt(returns.var(axis=0, ddof=1).mean() / (repeats * users)) if repeats > 1 else math.nan
    mean = float(returns.mean())
    return Interval(mean, mean - Z * error, mean + Z * error, users)
