"""Values of a target for every logged session, fitted on the other ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.offline.fqe import FQEConfig, fit_q
from ilrec_agents.ope.weighted import WeightedSessions
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError


def with_values(
    steps: WeightedSessions,
    dataset: SessionDataset,
    probabilities: NDArray[np.floating],
    task: Task,
    *,
    config: FQEConfig | None = None,
    seed: int = 0,
    device: str = "auto",
    folds: int = 2,
) -> WeightedSessions:
    """Steps with Q and V of the target, each session's fitted on the sessions of the other fold."""
    if len(dataset) < folds:
        raise UsageError(f"fitted Q evaluation needs at least {folds} sessions", received=len(dataset))
    ends = np.cumsum(dataset.lengths)
    fold = np.random.default_rng(seed).permutation(len(dataset)) % folds
    q, v = np.zeros_like(steps.rewards), np.zeros_like(steps.rewards)
    for k in range(folds):
        inside, outside = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
        rows = np.concatenate([np.arange(ends[i] - dataset.lengths[i], ends[i]) for i in outside])
        other = replace(dataset, episodes=tuple(dataset.episodes[i] for i in outside))
        fitted = fit_q(
            other, probabilities[rows], task, horizon=steps.horizon, gamma=steps.gamma, config=config, seed=seed + k,
            device=device,
        )  # fmt: skip
        for i in inside:
            episode, start = dataset.episodes[i], ends[i] - dataset.lengths[i]
            n = min(len(episode), steps.horizon)
            values = fitted(episode.observations[:n])
            q[i, :n] = values[np.arange(n), episode.actions[:n]]
            v[i, :n] = (probabilities[start : start + n] * values).sum(axis=1)
    return replace(steps, q=q, v=v)
