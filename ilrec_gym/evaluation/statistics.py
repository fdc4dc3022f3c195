"""Means with intervals, over users: every number that a table states comes with what chance alone could do to it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ilrec_gym.errors import UsageError

RESAMPLES = 4000
_DRAWS_AT_ONCE = 2_000_000  # bounds the memory of a bootstrap to some 30 MB


@dataclass(frozen=True)
class Interval:
    """A mean over n users and its confidence interval.

    Attributes:
        mean: The mean.
        low: Lower end; nan where one user alone says nothing about the spread.
        high: Upper end; likewise.
        n: Users that it rests on.
        confidence: Its nominal coverage.
    """

    mean: float
    low: float
    high: float
    n: int = 0
    confidence: float = 0.95

    @property
    def verdict(self) -> str:
        """``"above"`` or ``"below"`` zero where the interval leaves zero out, ``"not separated"`` otherwise."""
        if self.low > 0:
            return "above"
        return "below" if self.high < 0 else "not separated"

    def __str__(self) -> str:
        return f"{self.mean:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True, eq=False)
class PerUser:
    """One value per user, ordered by user id, so that two of them can be paired.

    Attributes:
        user_ids: (U,) int64, ascending, each once.
        values: (U,) float64.
    """

    user_ids: np.ndarray
    values: np.ndarray

    def __post_init__(self) -> None:
        if self.user_ids.ndim != 1 or self.user_ids.shape != self.values.shape or (np.diff(self.user_ids) <= 0).any():
            raise UsageError(
                "PerUser must hold one value per user, users ascending",
                received=(self.user_ids.shape, self.values.shape),
                fix="build it with PerUser.of(user_ids, values)",
            )

    @classmethod
    def of(cls, user_ids: np.ndarray, values: np.ndarray) -> PerUser:
        """Average (N,) values of sessions within each of their (N,) users; a nan is no value and is left out."""
        user_ids, values = np.asarray(user_ids), np.asarray(values, np.float64)
        if user_ids.shape != values.shape or user_ids.ndim != 1:
            raise UsageError("user_ids and values must be two (N,) arrays", received=(user_ids.shape, values.shape))
        there = ~np.isnan(values)
        users, rows = np.unique(user_ids[there], return_inverse=True)
        return cls(users, np.bincount(rows, values[there]) / np.bincount(rows))


def interval(
    values: np.ndarray | PerUser, *, confidence: float = 0.95, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """The mean with its percentile-bootstrap interval (Efron 1979), resampling users with replacement.

    The same values and seed give the same interval. With one value the ends are nan.

    Args:
        values: (U,) one value per user, or a :class:`PerUser`.
        confidence: Nominal coverage, in (0, 1).
        seed: Seed of the resampling.
        resamples: Bootstrap samples drawn.

    Raises:
        UsageError: No value, a value that is not finite, or a confidence out of range.
    """
    x = _checked(values.values if isinstance(values, PerUser) else values, confidence, resamples)
    if len(x) == 1:
        return Interval(float(x[0]), math.nan, math.nan, 1, confidence)
    tail = (1 - confidence) / 2
    low, high = np.quantile(_bootstrap_means(x, np.random.default_rng(seed), resamples), [tail, 1 - tail])
    mean = float(x.mean())
    # Rounding may push a constant's ends past its mean by one unit in the last place.
    return Interval(mean, min(float(low), mean), max(float(high), mean), len(x), confidence)


def paired_difference(
    a: PerUser, b: PerUser, *, confidence: float = 0.95, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """The mean over users of a - b with its interval; whole users are resampled, so what they share cancels out.

    Raises:
        UsageError: The two do not cover the same users.
    """
    check_same_users(a.user_ids, b.user_ids)
    return interval(a.values - b.values, confidence=confidence, seed=seed, resamples=resamples)


def check_same_users(a: np.ndarray, b: np.ndarray, names: tuple[str, str] = ("a", "b")) -> None:
    """Refuse two sets of users that differ.

    Raises:
        UsageError: Some user is only in one of them.
    """
    only_a, only_b = np.setdiff1d(a, b), np.setdiff1d(b, a)
    if len(only_a) or len(only_b):
        raise UsageError(
            "a paired comparison needs the same users on both sides",
            received=f"only in {names[0]}: {_some(only_a)}; only in {names[1]}: {_some(only_b)}",
            cause="evaluations over different splits, data sets or numbers of episodes",
            fix="evaluate both on every user of the same split",
        )


def _some(users: np.ndarray) -> str:
    return f"{len(users)} user(s) [{', '.join(map(str, users[:3]))}{', …' if len(users) > 3 else ''}]"


def _checked(values: np.ndarray, confidence: float, resamples: int) -> np.ndarray:
    x = np.asarray(values, np.float64)
    if x.ndim != 1 or len(x) == 0:
        raise UsageError(
            "an interval needs at least one value in a flat array", received=x.shape, cause="no session was recorded"
        )
    if not np.isfinite(x).all():
        raise UsageError(
            "every value must be finite",
            received=f"{int((~np.isfinite(x)).sum())} of {len(x)} are nan or infinite",
            fix="leave undefined values out with PerUser.of",
        )
    if not 0 < confidence < 1:
        raise UsageError("confidence must lie between 0 and 1", received=confidence, fix="write 0.95 for 95%")
    if resamples < 1:
        raise UsageError("resamples must be at least 1", received=resamples)
    return x


def _bootstrap_means(x: np.ndarray, rng: np.random.Generator, resamples: int) -> np.ndarray:
    """(resamples,) means of samples of len(x), drawn from x with replacement."""
    rows = max(1, _DRAWS_AT_ONCE // len(x))
    means = []
    for start in range(0, resamples, rows):
        draws = rng.integers(len(x), size=(min(rows, resamples - start), len(x)))
        means.append(x[draws].mean(1))
    return np.concatenate(means)
