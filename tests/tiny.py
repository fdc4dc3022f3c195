"""Worlds so small that every sequence of actions can be tried: what is best there is known, not guessed."""

from __future__ import annotations

from itertools import product
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

import ilrec_gym  # noqa: F401, registers the environments
from ilrec_agents import make_agent
from ilrec_agents.datasets.playing import side_by_side
from ilrec_agents.offline.dataset import DatasetTask, SessionDataset
from ilrec_gym.testing.synthetic import synthetic_scenario

IDS = {"offered": "ilrec/MovieLens-Candidates-v0", "catalogue": "ilrec/MovieLens-v0"}
MODEL = {"name": "satiation", "kappa": 0.5, "patience": 50.0}  # nobody leaves, and variety pays


def tiny(form: str, split: str = "train") -> gym.Env[Any, Any]:
    """12 users, 12 items, sessions of 4 steps; in the form "offered" 4 items are on offer per step."""
    scenario = synthetic_scenario(12, 12, factors=2, public_factors=2, genres=3, profile_length=3, seed=5)
    options = {"n_candidates": 4} if form == "offered" else {}
    return gym.make(IDS[form], dataset=scenario, user_model=MODEL, max_steps=4, split=split, **options)


def every_return(env: gym.Env[Any, Any]) -> NDArray[np.float64]:
    """``(users, sequences)`` the return of every allowed sequence of actions for every user; the others are nan."""
    base: Any = env.unwrapped
    plans = np.array(list(product(range(base.sessions.n_actions), repeat=base.max_steps)))
    found = np.full((len(base.users), len(plans)), np.nan)
    for row, user in enumerate(base.users):
        sessions = base.batch(len(plans), ["action_mask"])
        _, infos = sessions.reset(np.full(len(plans), user), seeds=np.zeros(len(plans), np.int64))
        valid = np.ones(len(plans), bool)
        for action in plans.T:
            valid &= infos["action_mask"][np.arange(len(plans)), action]
            *_, infos = sessions.step(action)
        found[row] = np.where(valid, sessions.state.ratings.sum(axis=1), np.nan)
    return found


def share_of_best(agent: Any, env: gym.Env[Any, Any]) -> float:
    """How far an agent comes from the mean over all allowed sequences (0) to the best sequence (1), over all users."""
    from ilrec_gym.evaluation import evaluate

    returns = every_return(env)
    chance, best = np.nanmean(returns, axis=1).mean(), np.nanmax(returns, axis=1).mean()
    return float((evaluate(agent, env).R_traj.mean - chance) / (best - chance))


def sessions_of(agent: str, env: gym.Env[Any, Any], n: int, seed: int = 0) -> SessionDataset:
    """n sessions of a registered agent with users of the environment's split; session i has the seed ``seed + i``."""
    base: Any = env.unwrapped
    episodes = side_by_side(make_agent(agent, env), base, seed + np.arange(n))
    return SessionDataset(tuple(episodes), int(base.sessions.n_actions), base.layout.size, DatasetTask(base.describe()))


def random_sessions(env: gym.Env[Any, Any], n: int, seed: int = 0) -> SessionDataset:
    """n sessions of a uniform choice among what the mask allows."""
    return sessions_of("random_masked", env, n, seed)
