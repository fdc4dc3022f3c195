"""Evaluation: every user of a split once, the same users and seeds whoever plays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.errors import UsageError
from ilrec_gym.evaluation.catalogue_facts import CatalogueFacts
from ilrec_gym.evaluation.result import Evaluation
from ilrec_gym.evaluation.rollout import Policy, rollout
from ilrec_gym.evaluation.session_log import SessionLog


def evaluate(agent: Policy, env: gym.Env[Any, Any], *, seed: int = 0, episodes: int | None = None) -> Evaluation:
    """Play one session of every user of the environment's split, in lock-step.

    Args:
        agent: Anything with ``act``; an agent's ``info`` says which optional parts of the info it needs.
        env: One of this project's environments, wrapped or not. Sessions are played under its own rating, whatever
            reward a wrapper gives.
        seed: Session i gets seed + i, which stochastic agents draw from.
        episodes: Only so many users, the same for every agent under the same seed.

    Raises:
        UsageError: Another package's environment, or more episodes than the split has users.
    """
    base = env.unwrapped
    if not isinstance(base, MovieLensEnv):
        raise UsageError(
            "evaluate() plays environments of ilrec_gym", received=env, cause="another package's environment"
        )
    users = users_of(base, episodes, seed)
    sessions = base.batch(len(users), getattr(agent, "info", ()))
    name = getattr(agent, "name", type(agent).__name__)
    log = rollout(agent, sessions, users, seed + np.arange(len(users)), description=f"evaluating {name}")
    config = getattr(agent, "config", None)
    config = asdict(config) if is_dataclass(config) and not isinstance(config, type) else {}
    return evaluation_of(log, base, agent=name, seed=seed, config=config)


def evaluation_of(
    log: SessionLog, env: MovieLensEnv, *, agent: str, seed: int, config: Mapping[str, Any] | None = None
) -> Evaluation:
    """The evaluation that recorded sessions amount to, with all that it has to know of the environment."""
    catalogue = env.scenario.catalogue
    return Evaluation(
        agent=agent,
        env_spec=json.loads(env.spec.to_json()) if env.spec else env.describe(),
        split=env.split,
        seed=seed,
        log=log,
        catalogue=CatalogueFacts(catalogue.ids, catalogue.popularity, catalogue.vectors),
        fingerprint=env.fingerprint,
        agent_config=dict(config or {}),
    )


def users_of(env: MovieLensEnv, episodes: int | None, seed: int) -> NDArray[np.int64]:
    """The users that an evaluation meets: all of the split, or ``episodes`` of them, ascending."""
    if episodes is None:
        return env.users
    if isinstance(episodes, bool) or not isinstance(episodes, (int, np.integer)) or not 1 <= episodes <= len(env.users):
        raise UsageError(
            f"episodes must be a whole number from 1 to the {len(env.users)} users of the split {env.split!r}",
            received=episodes,
        )
    return np.sort(np.random.default_rng(seed).permutation(env.users)[:episodes])
