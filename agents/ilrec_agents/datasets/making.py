"""Making named datasets: train what plays, play, write one file with its card. The same seed gives the same bytes."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from ilrec_agents.datasets.contents import Order, about, logged, played
from ilrec_agents.datasets.policies import Training
from ilrec_agents.datasets.recipes import LEARNER, RECIPES
from ilrec_agents.offline.env_spec import spec_of
from ilrec_agents.offline.episodes import DatasetTask, SessionDataset
from ilrec_agents.offline.hdf5 import KIND, write_hdf5
from ilrec_agents.registry import make_agent
from ilrec_agents.task import Task
from ilrec_gym.cards import is_current
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.errors import UsageError

STEPS = 100_000
"""Default number of steps."""


def make_dataset(
    name: str,
    env: gym.Env[Any, Any],
    out: str | os.PathLike[str],
    *,
    steps: int = STEPS,
    seed: int = 0,
    learner: Mapping[str, Any] | None = None,
) -> Path:
    """Make a named dataset, unless it is there and unchanged.

    Args:
        name: A name of ``list_datasets``.
        env: An environment with train users, of candidates or of the whole catalogue.
        out: The folder of all named datasets.
        steps: Least number of steps, in whole sessions; ``logs`` has fewer where the log has.
        seed: Of everything random.
        learner: Settings of the agent that is trained for ``mixed``, ``medium`` and ``expert``.

    Returns:
        The file, ``OUT/DATASET-FORM/NAME.h5``, for ``read_hdf5``; trained policies lie beside it.

    Raises:
        UnknownNameError: No such dataset.
        UsageError: Test users, an environment of slates, logs of an environment of candidates, or a bad number.
        StorageError: No space or no permission; nothing is left half-written.
        MissingExtraError: The extra "offline" is not installed, or "online" where a policy is trained.
    """
    order, base = _checked(Order(name, steps, seed, dict(learner or {})), env)
    path = folder_of(base, out) / f"{name}.h5"
    training = Training(LEARNER, order.learner, order.seed, path.parent / "policies" / f"seed-{order.seed}")
    card: dict[str, Any] = {
        "parameters": _parameters(order, base, training),
        "inputs": {"scenario": base.scenario.fingerprint},
        "seed": order.seed,
    }
    if is_current(path, kind=KIND, **card):
        return path
    start = time.perf_counter()
    if order.recipe.learns:
        training.train(base, sorted({part.trained for r in RECIPES.values() for part in r.parts if part.trained}))
    episodes, behaviour = played(order, base, training) if order.recipe.parts else (logged(order, base), [])
    task = DatasetTask(base.describe(), spec_of(base))
    dataset = SessionDataset(tuple(episodes), int(base.sessions.n_actions), base.layout.size, task)
    facts = about(order, dataset, base, behaviour)
    write_hdf5(dataset, path, **card, **facts, seconds=time.perf_counter() - start)
    return path


def folder_of(env: gym.Env[Any, Any], out: str | os.PathLike[str]) -> Path:
    """Where the datasets of an environment lie."""
    task = Task.of(env)
    form = "candidates" if task.n_candidates else "catalogue"
    return Path(out) / f"{task.description['dataset']}-{form}"


def _parameters(order: Order, base: MovieLensEnv, training: Training) -> dict[str, Any]:
    learner = {"learner": training.config()} if order.recipe.learns else {}
    return {
        "name": order.name, "steps": order.steps, "recipe": order.recipe.to_json(), "split": base.split,
        "task": base.describe(), **learner,
    }  # fmt: skip


def _checked(order: Order, env: gym.Env[Any, Any]) -> tuple[Order, MovieLensEnv]:
    """The order, if it can be met, and the environment itself: wrappers change what is learned from, not what is."""
    recipe, base = order.recipe, env.unwrapped
    for name, value, least in (("steps", order.steps, 1), ("seed", order.seed, 0)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not least <= value < 2**32:
            raise UsageError(f"{name} must be a whole number, at least {least}", received=value)
    Task.of(env)
    assert isinstance(base, MovieLensEnv)
    if base.split != "train":
        raise UsageError(
            'a named dataset must be of the split "train"',
            received=base.split,
            cause="agents are evaluated on test users; learning from them makes the evaluation worthless",
            fix='gym.make(..., split="train")',
        )
    if order.learner and not recipe.learns:
        raise UsageError(
            "settings of the learner are for datasets with a trained policy",
            received=order.name,
            fix=f"take one of: {', '.join(name for name, each in RECIPES.items() if each.learns)}",
        )
    if recipe.learns:
        make_agent(LEARNER, base, **order.learner)  # refuses settings that there are not
    return replace(order, steps=int(order.steps), seed=int(order.seed)), base
