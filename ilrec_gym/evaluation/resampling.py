"""The two-way bootstrap: training seeds and users are both drawn anew, because both happened by chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.errors import UsageError

Floats = NDArray[np.float64]
Statistic = Callable[[Floats, list[Floats]], Floats]
"""From counts of users ``(b, U)`` and of each side's seeds ``(b, S)``: its value ``(b, ...)`` in all b samples."""
_CELLS = 1_000_000  # samples x users held at once: 8 MB for each array of counts


@dataclass(frozen=True)
class TwoWay:
    """Draws users, which all sides share, and for each side its training seeds (the pigeonhole bootstrap, Owen 2007).

    Three corrections, without which intervals over three or five seeds are far too short or too long:

    - Of S seeds S - 1 are drawn (Rao and Wu 1988), so that their variance comes out right.
    - What is particular to a seed and a user together is counted thrice by such a bootstrap and should be once. With
      V_seeds and V_users the variances of drawing one of the two alone, deviations are scaled to the variance
      2 (V_seeds + V_users) - V_both, which is not less than either of the two.
    - Deviations are widened as those of a Student t, whose degrees of freedom follow from the share that each side's
      seeds have in the variance (Welch and Satterthwaite).

    A side of one seed adds no chance of its own; with one seed on every side this is the bootstrap over users alone.

    Attributes:
        users: U.
        seeds: S of each side.
        resamples: Samples drawn.
        seed: Of the draws.
    """

    users: int
    seeds: tuple[int, ...]
    resamples: int = 4000
    seed: int = 0

    def ends(self, statistic: Statistic, confidence: float) -> tuple[Floats, Floats, Floats]:
        """The statistic ``(...)`` of the values themselves, and the two ends of its interval."""
        point = self.point(statistic)
        drawn = np.concatenate([statistic(users, seeds) for users, seeds in self._samples()])
        if self.users == 1 and max(self.seeds) == 1:
            return point, np.full_like(point, np.nan), np.full_like(point, np.nan)
        deviations = (drawn - point) * self._scale(statistic, drawn.var(axis=0))
        tail = (1 - confidence) / 2
        low, high = np.quantile(deviations, [tail, 1 - tail], axis=0)
        return point, point + np.minimum(low, 0), point + np.maximum(high, 0)  # rounding may push constants past

    def point(self, statistic: Statistic) -> Floats:
        """The statistic ``(...)`` of the values as they are."""
        return statistic(np.ones((1, self.users)), [np.ones((1, s)) for s in self.seeds])[0]

    def _samples(self) -> Iterator[tuple[Floats, list[Floats]]]:
        of_users = np.random.default_rng(self.seed)
        of_seeds = [np.random.default_rng([self.seed, 1, side]) for side in range(len(self.seeds))]
        rows = max(1, _CELLS // self.users)
        for start in range(0, self.resamples, rows):
            b = min(rows, self.resamples - start)
            sides = zip(of_seeds, self.seeds, strict=True)
            yield _counts(of_users, b, self.users, self.users), [_counts(rng, b, s, s - 1) for rng, s in sides]

    def _scale(self, statistic: Statistic, both: Floats) -> Floats:
        """``(resamples, ...)`` factors of the deviations: to the right variance and, by chance, to a Student t."""
        sides = [side for side, s in enumerate(self.seeds) if s > 1]
        if not sides:
            return np.ones((1, *both.shape))
        of_seeds, of_users = [self._jackknife(statistic, side) for side in sides], self._users_alone(statistic)
        alone = of_users + sum(of_seeds)
        variance = np.maximum(2 * alone - both, np.maximum(of_users, sum(of_seeds)))
        shares = [np.divide(v, variance, out=np.zeros_like(v), where=variance > 0) for v in of_seeds]
        inverse = sum(share**2 / (self.seeds[side] - 1) for share, side in zip(shares, sides, strict=True))
        freedom = 1 / np.clip(inverse, 1e-6, None)
        chance = np.random.default_rng([self.seed, 2]).chisquare(freedom, (self.resamples, *both.shape))
        return np.sqrt(np.divide(variance, both, out=np.ones_like(both), where=both > 0) * freedom / chance)

    def _users_alone(self, statistic: Statistic) -> Floats:
        """The variance that users bring: with every seed counted once."""
        rng, n = np.random.default_rng([self.seed, 3]), min(self.resamples, 1000)
        return statistic(_counts(rng, n, self.users, self.users), [np.ones((n, s)) for s in self.seeds]).var(axis=0)

    def _jackknife(self, statistic: Statistic, side: int) -> Floats:
        """The variance that one side's seeds bring, by leaving each of them out."""
        s = self.seeds[side]
        without = [np.ones((s, n)) for n in self.seeds]
        without[side] = 1 - np.eye(s)
        values = statistic(np.ones((s, self.users)), without)
        return (s - 1) * values.var(axis=0)


def weighted(table: Floats, users: Floats, seeds: Sequence[Floats]) -> Floats:
    """Means ``(b, ...)`` of a table ``(S, [S of the other side,] U, ...)`` in which a cell counts as often as drawn.

    mean_b = sum_su n_bs m_bu x_su / sum_su n_bs m_bu
    """
    sides = len(seeds)
    cells = np.moveaxis(table, sides, 0).reshape(table.shape[sides], -1)
    means = (users @ cells).reshape(len(users), *table.shape[:sides], *table.shape[sides + 1 :])
    for n in seeds:
        means = np.einsum("bs,bs...->b...", n, means) / n.sum(axis=1).reshape(-1, *[1] * (means.ndim - 2))
    total = users.sum(axis=1)
    return np.asarray(means / total.reshape(-1, *[1] * (means.ndim - 1)))


def checked(resamples: int, confidence: float) -> None:
    """Refuse settings of a bootstrap that mean nothing.

    Raises:
        UsageError: Out of range.
    """
    if not 0 < confidence < 1:
        raise UsageError("confidence must lie between 0 and 1", received=confidence, fix="write 0.95 for 95%")
    if isinstance(resamples, bool) or not isinstance(resamples, int | np.integer) or resamples < 1:
        raise UsageError("resamples must be a whole number, at least 1", received=resamples)


def _counts(rng: np.random.Generator, b: int, n: int, draws: int) -> Floats:
    """``(b, n)`` how often each of n was drawn; all once where there is nothing to draw from."""
    if n == 1:
        return np.ones((b, 1))
    drawn = rng.integers(n, size=(b, draws)) + n * np.arange(b)[:, None]
    return np.bincount(drawn.ravel(), minlength=b * n).reshape(b, n).astype(np.float64)
