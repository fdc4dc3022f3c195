"""What a study has to be given, and what of the target the log cannot speak of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Agent
from ilrec_agents.offline.belonging import check_datasets, check_ratings
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.ope.estimators import ESTIMATORS, Estimator
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError, unknown_name


def checked(
    dataset: SessionDataset,
    agents: Mapping[str, Agent],
    task: Task,
    estimators: Sequence[str],
    horizons: Sequence[int | None],
    repeats: int,
    resamples: int,
) -> dict[str, Estimator]:
    """The estimators of these names, once everything else is in order.

    Raises:
        UsageError: A rule of :func:`study` is broken.
    """
    if not isinstance(dataset, SessionDataset):
        raise UsageError(
            "a study needs a SessionDataset", received=dataset, fix="ilrec_agents.offline.dataset.read_hdf5(path)"
        )
    if not agents or not estimators or not horizons:
        raise UsageError("a study needs at least one agent, one estimator and one horizon")
    for name in estimators:
        if name not in ESTIMATORS:
            raise unknown_name("an estimator", name, ESTIMATORS)
    for name, values in (
        ("horizons", [h for h in horizons if h is not None]),
        ("repeats", [repeats]),
        ("resamples", [resamples]),
    ):
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UsageError(f"{name} must be whole numbers, at least 1", received=value)
    check_datasets(task, dataset=dataset)  # the truth is looked up in its environment
    check_ratings(dataset, task)
    return {name: ESTIMATORS[name] for name in dict.fromkeys(estimators)}


def without_support(dataset: SessionDataset, probabilities: NDArray[np.floating]) -> float:
    """Mean chance (0 to 1) of the target to do what the logging policy does with probability 0; nan if unknown."""
    if not all("probabilities" in episode.extras for episode in dataset.episodes):
        return math.nan
    never = dataset.extra("probabilities") <= 0
    return float((probabilities * never).sum(axis=1).mean())
