"""Which ratings are given, and how often: real ones, simulated ones of the same pairs, and over the catalogue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data import InteractionData
from ilrec_gym.simulation.scenario import Scenario

Array = NDArray[np.float64]
_MOST = 20  # levels; a finer scale is cut into as many equal parts
_CELLS = 2_000_000  # ratings that are simulated at once


@dataclass(frozen=True)
class Histogram:
    """Shares of ratings by level; simulated ones count for the nearest level.

    Attributes:
        levels: ``(L,)`` ratings that users give, ascending.
        shares: By source, ``(L,)`` shares that sum to 1.
        means: By source, the mean rating (unrounded).
        spreads: By source, its standard deviation (unrounded).
    """

    levels: Array
    shares: dict[str, Array]
    means: dict[str, float]
    spreads: dict[str, float]

    def distance(self, source: str) -> float:
        """Total variation distance to the real ratings: the share of ratings that would have to move, 0 to 1."""
        return float(np.abs(self.shares[source] - self.shares[REAL]).sum() / 2)


REAL, SAME, ALL = "real", "simulated, same pairs", "simulated, whole catalogue"


def histogram(data: InteractionData, scenario: Scenario) -> Histogram:
    """Compare the ratings of the log with the preference model's.

    The same pairs show what the model makes of a rating; it knows them, and still varies less, because the part of a
    rating that it cannot explain is missing. The whole catalogue shows what a session can be made of: users choose
    what they watch, and most of what they did not choose they like less.

    Args:
        data: The catalogue's data.
        scenario: Made from the same data.
    """
    log = data.interactions
    levels = levels_of(log.rating, data.rating_scale)
    found = {REAL: _Tally(levels), SAME: _Tally(levels), ALL: _Tally(levels)}
    found[REAL].add(log.rating)
    tastes, size = scenario.truth.tastes, _CELLS // 32
    for start in range(0, len(log), size):
        rows = slice(start, start + size)
        rated = scenario.truth.rate(tastes(log.user[rows]), log.item[rows])
        found[SAME].add(np.clip(rated, *data.rating_scale))
    for users in np.array_split(np.arange(len(data.users)), len(data.users) * len(data.items) // _CELLS + 1):
        found[ALL].add(np.clip(scenario.truth.predict_all(users), *data.rating_scale).ravel())
    return Histogram(
        levels,
        {name: tally.counts / tally.n for name, tally in found.items()},
        {name: tally.total / tally.n for name, tally in found.items()},
        {name: tally.spread for name, tally in found.items()},
    )


def levels_of(ratings: Array, scale: tuple[float, float]) -> Array:
    """The ratings that users give; the middles of equal parts of the scale where those are too many."""
    given = np.unique(ratings)
    if 1 < len(given) <= _MOST:
        return given
    edges = np.linspace(*scale, _MOST + 1)
    return (edges[1:] + edges[:-1]) / 2


class _Tally:
    """Counts by nearest level, and moments."""

    def __init__(self, levels: Array) -> None:
        self.edges = (levels[1:] + levels[:-1]) / 2
        self.counts = np.zeros(len(levels))
        self.n, self.total, self.squares = 0, 0.0, 0.0

    def add(self, ratings: Array) -> None:
        self.counts += np.bincount(np.searchsorted(self.edges, ratings, side="right"), minlength=len(self.counts))
        self.n, self.total = self.n + len(ratings), self.total + float(ratings.sum())
        self.squares += float((ratings**2).sum())

    @property
    def spread(self) -> float:
        return float(np.sqrt(max(0.0, self.squares / self.n - (self.total / self.n) ** 2)))
