"""The normalised score: 0 is what `random` gets in an environment, 100 what `oracle_one_step` gets."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from typing import Any

import gymnasium as gym

from ilrec_agents.registry import make_agent
from ilrec_agents.task import Task
from ilrec_gym.cards import is_current, write_card
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.evaluation import evaluate
from ilrec_gym.files import cache_dir, keep, read_json, write_json

KIND = "references"
LOW, HIGH = "random", "oracle_one_step"
"""Agents whose mean returns are 0 and 100 on the scale."""
USERS = 1200
"""Most users that are played; more would take minutes where the catalogue is large."""


@dataclass(frozen=True)
class References:
    """Mean returns that scores are measured by: each user of a split once, at most 1,200 of them.

    They are those that ``evaluate(agent, env, seed=0)`` meets.

    Attributes:
        random: Of ``random``.
        oracle_one_step: Of ``oracle_one_step``.
        sessions: Number of users that were met.
    """

    random: float
    oracle_one_step: float
    sessions: int


def normalised_score(value: Any, env: gym.Env[Any, Any]) -> Any:
    """A return on the scale of an environment: 100 (value - random) / (oracle_one_step - random).

    Users differ in what can be had from them, so each split has references of its own.

    Args:
        value: A mean return with users of the environment's split, or an array of them.
        env: Where it was reached.
    """
    found = references(env)
    return between(value, found.random, found.oracle_one_step)


def between(value: Any, low: float, high: float) -> Any:
    """100 (value - low) / (high - low); not a number where both ends are the same."""
    return 100 * (value - low) / (high - low) if high != low else math.nan


def references(env: gym.Env[Any, Any]) -> References:
    """The reference returns of an environment; played once, then kept in the cache folder with a card.

    Raises:
        UsageError: Another package's environment.
    """
    task = Task.of(env)
    base: MovieLensEnv = env.unwrapped  # type: ignore[assignment]
    path = cache_dir() / KIND / f"{task.fingerprint}-{base.split}.json"
    card: dict[str, Any] = {"kind": KIND, "parameters": {"task": task.description, "split": base.split}, "seed": 0}
    if is_current(path, **card):
        return References(**read_json(path))
    start, few = time.perf_counter(), len(base.users) > USERS
    results = {name: evaluate(make_agent(name, env), env, episodes=USERS if few else None) for name in (LOW, HIGH)}
    means = {name: result.R_traj.mean for name, result in results.items()}
    found = References(**means, sessions=results[LOW].sessions)
    seconds = time.perf_counter() - start

    def write() -> None:
        write_json(path, asdict(found))
        write_card(path, seconds=seconds, **card)

    keep(write, "reference returns")
    return found
