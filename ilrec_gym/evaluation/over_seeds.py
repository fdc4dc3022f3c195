"""Statistics over training seeds and users: mean, difference, interquartile mean, probability of improvement, profile.

The last three are those of rliable (Agarwal et al., NeurIPS 2021), a training seed being a run and a user a task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ilrec_gym.errors import UsageError
from ilrec_gym.evaluation.resampling import Floats, Statistic, TwoWay, checked, weighted
from ilrec_gym.evaluation.statistics import RESAMPLES, Interval, PerUser, check_same_users

_CELLS = 400_000  # samples x values sorted at once


@dataclass(frozen=True, eq=False)
class PerSeed:
    """One value per training seed and user; the same users for every seed.

    Attributes:
        user_ids: (U,) int64, ascending, each once.
        values: (S, U) float64, finite.
    """

    user_ids: NDArray[np.int64]
    values: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "user_ids", np.asarray(self.user_ids))
        object.__setattr__(self, "values", np.asarray(self.values, np.float64))
        if self.values.ndim != 2 or 0 in self.values.shape or self.user_ids.shape != self.values.shape[1:]:
            raise UsageError(
                "values must have one row per training seed and one column per user",
                received=f"values {self.values.shape}, users {self.user_ids.shape}",
                cause="no evaluation, or seeds and users that changed places",
            )
        if (np.diff(self.user_ids) <= 0).any():
            raise UsageError("users must ascend, each once", received=self.user_ids, fix="PerSeed.of([...]) sorts them")
        wrong = int((~np.isfinite(self.values)).sum())
        if wrong:
            raise UsageError(
                "every value must be finite",
                received=f"{wrong} of {self.values.size} are nan or infinite",
                fix="PerUser.of leaves undefined values out, PerSeed.of(..., common=True) keeps whom all seeds have",
            )

    @classmethod
    def of(cls, runs: Sequence[PerUser], *, common: bool = False) -> PerSeed:
        """Join the evaluations of several training seeds.

        Args:
            runs: One :class:`PerUser` per seed.
            common: Keep the users that all of them have, where a metric is not defined for every session; otherwise
                users that differ are refused.
        """
        if not runs:
            raise UsageError("at least one evaluation is needed", received=0)
        users = reduce(np.intersect1d, [run.user_ids for run in runs])
        if not common:
            for k, run in enumerate(runs[1:], 1):
                check_same_users(runs[0].user_ids, run.user_ids, ("seed 0", f"seed {k}"))
        return cls(users, np.stack([run.values[np.isin(run.user_ids, users)] for run in runs]))


@dataclass(frozen=True, eq=False)
class Profile:
    """A performance profile.

    Attributes:
        thresholds: (K,) normalised scores.
        share: (K,) share of runs and tasks above each.
        low: (K,) lower end of its interval.
        high: (K,) upper end.
        confidence: Nominal coverage at each threshold by itself.
    """

    thresholds: Floats
    share: Floats
    low: Floats
    high: Floats
    confidence: float = 0.95


def mean_over_seeds(
    x: PerSeed | ArrayLike, *, confidence: float = 0.95, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """The mean over seeds and users with its interval (:class:`TwoWay`). One seed: over users only.

    Args:
        x: (S, U) values.
        confidence: Nominal coverage, in (0, 1).
        seed: Of the resampling.
        resamples: Bootstrap samples drawn.

    Raises:
        UsageError: No value, one that is not finite, or a setting out of range.
    """
    table = _table(x)
    return _interval(partial(weighted, table), [table], confidence, seed, resamples)


def difference_over_seeds(
    a: PerSeed | ArrayLike,
    b: PerSeed | ArrayLike,
    *,
    paired_seeds: bool = False,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """The mean of a - b with its interval, paired by user.

    Both sides meet the same users, so users are drawn for both at once and what they share cancels. Training seeds are
    drawn for each side by itself: seed 0 of one algorithm has nothing in common with seed 0 of another but its number.
    That is wrong only where runs of one number learned from the same thing, as two agents on a dataset made with that
    seed; then ``paired_seeds=True`` draws both at once.

    Raises:
        UsageError: Other users on the two sides, or paired seeds of another number.
    """
    x, y = _two(a, b)
    if paired_seeds:
        if len(x) != len(y):
            raise UsageError("paired seeds must be as many on both sides", received=(len(x), len(y)))
        return mean_over_seeds(x - y, confidence=confidence, seed=seed, resamples=resamples)

    def statistic(users: Floats, seeds: list[Floats]) -> Floats:
        return weighted(x, users, seeds[:1]) - weighted(y, users, seeds[1:])

    return _interval(statistic, [x, y], confidence, seed, resamples)


def interquartile_mean(
    x: PerSeed | ArrayLike, *, confidence: float = 0.95, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """The mean of the middle half of all S x U values, with its interval.

    Of n values floor(n / 4) are left out at each end, as ``scipy.stats.trim_mean(x, 0.25)`` and rliable do.
    """
    table = _table(x)
    order = np.argsort(table, axis=None)
    of_seed, of_user = np.unravel_index(order, table.shape)
    ranked = table.ravel()[order]

    def statistic(users: Floats, seeds: list[Floats]) -> Floats:
        rows = max(1, _CELLS // len(ranked))
        parts = range(0, len(users), rows)
        return np.concatenate([middle(users[i : i + rows], seeds[0][i : i + rows]) for i in parts])

    def middle(users: Floats, seeds: Floats) -> Floats:
        counts = np.take(seeds.astype(np.float32), of_seed, axis=1)
        counts *= np.take(users.astype(np.float32), of_user, axis=1)
        upto = counts.cumsum(axis=1, dtype=np.float64)
        n = upto[:, -1].copy()
        cut = np.floor(n / 4)
        np.clip(upto, cut[:, None], (n - cut)[:, None], out=upto)
        # sum_i (c_i - c_{i-1}) x_i by parts, c_i the values kept up to the i-th smallest
        return np.asarray(ranked[-1] - ((upto[:, :-1] - cut[:, None]) @ np.diff(ranked)) / (n - 2 * cut))

    return _interval(statistic, [table], confidence, seed, resamples)


def probability_of_improvement(
    a: PerSeed | ArrayLike,
    b: PerSeed | ArrayLike,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """How likely a run of a gives a user more than a run of b does, with its interval.

    P(a > b) = 1/U sum_u 1/(S_a S_b) sum_ij [a_iu > b_ju] + 1/2 [a_iu = b_ju],
    the Mann-Whitney statistic of every user, averaged over users.
    """
    x, y = _two(a, b)
    wins = (x[:, None] > y[None]) + 0.5 * (x[:, None] == y[None])
    return _between(_interval(partial(weighted, wins), [x, y], confidence, seed, resamples))


def performance_profile(
    x: PerSeed | ArrayLike,
    thresholds: ArrayLike,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Profile:
    """The share of runs and users whose normalised score is above each threshold, with a band.

    Args:
        x: (S, U) normalised scores.
        thresholds: (K,) ascending.
        confidence: Nominal coverage at each threshold by itself.
        seed: Of the resampling.
        resamples: Bootstrap samples drawn.
    """
    table, tau = _table(x), np.asarray(thresholds, np.float64)
    if tau.ndim != 1 or not len(tau) or not np.isfinite(tau).all() or (np.diff(tau) < 0).any():
        raise UsageError("thresholds must be finite and ascending", received=tau)
    checked(resamples, confidence)
    above = (table[..., None] > tau).astype(np.float64)
    two_way = TwoWay(table.shape[1], (len(table),), resamples, seed)
    share, low, high = two_way.ends(partial(weighted, above), confidence)
    return Profile(tau, share, np.clip(low, 0, 1), np.clip(high, 0, 1), confidence)


def _interval(statistic: Statistic, sides: list[Floats], confidence: float, seed: int, resamples: int) -> Interval:
    checked(resamples, confidence)
    users = sides[0].shape[1]
    point, low, high = TwoWay(users, tuple(map(len, sides)), resamples, seed).ends(statistic, confidence)
    return Interval(float(point), float(low), float(high), users, confidence)


def _between(x: Interval) -> Interval:
    low, high = np.clip([x.low, x.high], 0, 1)
    return replace(x, low=float(low), high=float(high))


def _table(x: PerSeed | ArrayLike) -> Floats:
    """(S, U) checked values."""
    if isinstance(x, PerSeed):
        return x.values
    values = np.asarray(x, np.float64)
    return PerSeed(np.arange(values.shape[-1]) if values.ndim else np.arange(0), values).values


def _two(a: PerSeed | ArrayLike, b: PerSeed | ArrayLike) -> tuple[Floats, Floats]:
    if isinstance(a, PerSeed) and isinstance(b, PerSeed):
        check_same_users(a.user_ids, b.user_ids)
    elif isinstance(a, PerSeed) or isinstance(b, PerSeed):
        raise UsageError("both sides must be PerSeed, or both plain arrays", received=[type(a), type(b)])
    x, y = _table(a), _table(b)
    if x.shape[1] != y.shape[1]:
        raise UsageError("both sides must have the same users", received=f"{x.shape[1]} and {y.shape[1]} columns")
    return x, y
