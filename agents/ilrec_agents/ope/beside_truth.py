"""Off-policy estimates beside the truth: every estimator, target and horizon, with intervals and what they rest on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from ilrec_agents.base import Agent
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.offline.fqe import FQEConfig
from ilrec_agents.ope.checks import checked, without_support
from ilrec_agents.ope.crossfit import with_values
from ilrec_agents.ope.estimators import ESTIMATORS, Estimator, effective_sample_size
from ilrec_agents.ope.logged_infos import target_probabilities
from ilrec_agents.ope.results import Estimate, Study
from ilrec_agents.ope.truth import played_returns, true_value
from ilrec_agents.ope.weighted import Floats, WeightedSessions, padded
from ilrec_agents.task import Task
from ilrec_gym.evaluation import Interval, interval

RESAMPLES = 2000
HORIZONS = (3, 10, None)
_CELLS = 2_000_000  # samples x sessions counted at once
_DEFINED = 0.95  # share of samples that an interval needs


def study(
    dataset: SessionDataset,
    agents: Mapping[str, Agent],
    env: gym.Env[Any, Any],
    *,
    horizons: Sequence[int | None] = HORIZONS,
    estimators: Sequence[str] = tuple(ESTIMATORS),
    gamma: float = 1.0,
    repeats: int = 4,
    resamples: int = RESAMPLES,
    fqe: FQEConfig | None = None,
    seed: int = 0,
    device: str = "auto",
) -> Study:
    """Estimate what agents return by logged sessions, and let them play.

    Args:
        dataset: Sessions with the extra ``propensity``, of users drawn uniformly from the environment's split.
        agents: Target policies by label; :func:`softened` makes them less sure of themselves.
        env: The environment of the dataset, with its users.
        horizons: How many steps count; None: all of the environment's.
        estimators: Names of ``ESTIMATORS``.
        gamma: Discount per step.
        repeats: Sessions of each user that the truth is the mean of.
        resamples: Bootstrap samples over sessions.
        fqe: Settings of fitted Q evaluation.
        seed: Of everything random.
        device: For fitted Q evaluation.

    Raises:
        UsageError: A dataset of another environment, without propensities or with rewards that are no ratings; an agent
            that cannot be asked about logged steps; a setting out of range.
        MissingExtraError: The extra "offline" is not installed, and an estimator fits Q.
    """
    task = Task.of(env)
    chosen = checked(dataset, agents, task, estimators, horizons, repeats, resamples)
    most = int(task.description["max_steps"])
    cut = sorted({min(most, h or most) for h in horizons})
    found = []
    for label, agent in agents.items():
        probabilities = target_probabilities(agent, dataset)
        unsupported = without_support(dataset, probabilities)
        played = played_returns(agent, env, repeats=repeats, seed=seed)
        for horizon in cut:
            steps = WeightedSessions.of(dataset, probabilities, horizon=horizon, gamma=gamma)
            if any(e.fits_q for e in chosen.values()):
                steps = with_values(steps, dataset, probabilities, task, config=fqe, seed=seed, device=device)
            truth, size = true_value(played, horizon, gamma), effective_sample_size(steps)
            counts = list(_samples(len(dataset), resamples, seed))
            found += [
                Estimate(label, horizon, name, _interval(e, steps, counts), truth, size, unsupported)
                for name, e in chosen.items()
            ]
    logged = {
        h: interval(padded(dataset, (e.rewards for e in dataset.episodes), h) @ gamma ** np.arange(h)) for h in cut
    }
    facts = {"seed": seed, "repeats": repeats, "resamples": resamples, "users": len(env.unwrapped.users)}  # type: ignore[attr-defined]
    return Study(tuple(found), logged, len(dataset), dataset.n_transitions, gamma, facts)


def _interval(estimator: Estimator, steps: WeightedSessions, counts: Sequence[Floats]) -> Interval:
    """The estimate with its percentile interval; nan where it is not defined in more than 5% of the samples."""
    mean = float(estimator.function(steps, np.ones((1, len(steps))))[0])
    drawn = np.concatenate([estimator.function(steps, part) for part in counts])
    defined = drawn[np.isfinite(drawn)]
    if not math.isfinite(mean):
        return Interval(math.nan, math.nan, math.nan, len(steps))
    if len(defined) < _DEFINED * len(drawn):  # an interval of the rest would be as narrow as the estimate is doubtful
        return Interval(mean, math.nan, math.nan, len(steps))
    low, high = np.quantile(defined, [0.025, 0.975])
    return Interval(mean, min(float(low), mean), max(float(high), mean), len(steps))


def _samples(n: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Counts (b, E) of sessions drawn with replacement."""
    rng, rows = np.random.default_rng(seed), max(1, _CELLS // n)
    for start in range(0, resamples, rows):
        b = min(rows, resamples - start)
        drawn = rng.integers(n, size=(b, n)) + n * np.arange(b)[:, None]
        yield np.bincount(drawn.ravel(), minlength=b * n).reshape(b, n).astype(np.float64)
