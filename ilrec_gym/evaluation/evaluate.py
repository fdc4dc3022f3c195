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
from ilrec_gym.evaluation.session_log import SessionLog, joined

_CELLS = 16_000_000  # sessions x actions of one batch: 128 MB for each array of scores that an agent holds


def evaluate(
    agent: Policy, env: gym.Env[Any, Any], *, seed: int = 0, episodes: int | None = None, repeats: int = 1
) -> Evaluation:
    """Play one session of every user of the environment's split, in lock-step.

    Args:
        agent: Anything with ``act``; an agent's ``info`` says which optional parts of the info it needs.
        env: One of this project's environments, wrapped or not. Sessions are played under its own rating, whatever
            reward a wrapper gives.
        seed: Session i gets seed + i, which stochastic agents draw from.
        episodes: Only so many users, the same for every agent under the same seed.
        repeats: Sessions of each user, for agents or users that draw; intervals rest on each user's mean.

    Raises:
        UsageError: Another package's environment or one of slates, more episodes than the split has users, no session,
            or a seed that is none.
    """
    base = getattr(env, "unwrapped", None)
    if not isinstance(base, MovieLensEnv):
        raise UsageError(
            "evaluate() plays environments of ilrec_gym",
            received="None" if env is None else env,
            cause="no environment" if base is None else "another package's environment",
            fix='gym.make("ilrec/MovieLens-v0", split="test")',
        )
    if base.setting.slate_size is not None:
        raise UsageError("evaluate() plays one item per step", received=env, cause="an environment of slates")
    if isinstance(repeats, bool) or not isinstance(repeats, int) or repeats < 1:
        raise UsageError("repeats must be a whole number, at least 1", received=repeats)
    users, seed = np.tile(users_of(base, episodes, seed), repeats), int(seed)
    name = getattr(agent, "name", type(agent).__name__)
    log = joined([_played(agent, base, chunk, name) for chunk in _chunks(users, seed, base.sessions.n_actions)])
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
        env_spec=_spec_of(env),
        split=env.split,
        seed=seed,
        log=log,
        catalogue=CatalogueFacts(catalogue.ids, catalogue.popularity, catalogue.vectors),
        fingerprint=env.fingerprint,
        agent_config=dict(config or {}),
    )


def _chunks(users: NDArray[np.int64], seed: int, n_actions: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Users and seeds of the sessions that are played together: agents hold a score for each of their actions."""
    seeds = seed + np.arange(len(users))
    parts = -(-len(users) * n_actions // _CELLS)
    return list(zip(np.array_split(users, parts), np.array_split(seeds, parts), strict=True))


def _played(
    agent: Policy, env: MovieLensEnv, chunk: tuple[NDArray[np.int64], NDArray[np.int64]], name: str
) -> SessionLog:
    users, seeds = chunk
    sessions = env.batch(len(users), getattr(agent, "info", ()))
    return rollout(agent, sessions, users, seeds, description=f"evaluating {name}")


def _spec_of(env: MovieLensEnv) -> dict[str, Any]:
    """What the environment was made from; of data given as an object the name."""
    spec = env.spec
    if spec is None:
        return env.describe()
    try:
        json.dumps(spec.kwargs)
    except TypeError:
        return {"id": spec.id, "kwargs": {key: _named(value) for key, value in spec.kwargs.items()}}
    described: dict[str, Any] = json.loads(spec.to_json())
    return described


def _named(value: Any) -> Any:
    try:
        return json.loads(json.dumps(value))
    except TypeError:
        return getattr(value, "name", type(value).__name__)


def users_of(env: MovieLensEnv, episodes: int | None, seed: int) -> NDArray[np.int64]:
    """The users that an evaluation meets: all of the split, or ``episodes`` of them, ascending."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise UsageError("seed must be a whole number from 0 below 2**32", received=seed)
    if episodes is None:
        return env.users
    if isinstance(episodes, bool) or not isinstance(episodes, (int, np.integer)) or not 1 <= episodes <= len(env.users):
        raise UsageError(
            f"episodes must be a whole number from 1 to the {len(env.users)} users of the split {env.split!r}",
            received=episodes,
        )
    return np.sort(np.random.default_rng(seed).permutation(env.users)[:episodes])
