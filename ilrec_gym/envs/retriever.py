"""The public retriever: predicted rating on public factors minus similarity to what was shown, the first n.

Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998) with a decayed memory in place of the nearest item:

    score(i) = m + b_u + b_i + p_u . q_i  -  weight * half * (e_i . g)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.simulation.scenario import Scenario

WEIGHT = 0.25
"""Default weight of similarity, in half scales."""


@dataclass(frozen=True)
class Retriever:
    """Scores every item for B sessions and picks the n best that were not seen.

    Attributes:
        scenario: Where the public factors and content vectors come from.
        n: How many items are offered.
        weight: Weight of similarity to what was shown, in half scales.
    """

    scenario: Scenario
    n: int
    weight: float = WEIGHT

    def scores(self, users: NDArray[np.integer], memory: NDArray[np.floating]) -> NDArray[np.float64]:
        """Scores ``(B, I)`` in rating units, given users ``(B,)`` and fast memories ``(B, G)``."""
        low, high = self.scenario.rating_scale
        return self.scenario.public.predict_all(users) - self.weight * (high - low) / 2 * (memory @ self._vectors)

    def offer(
        self, users: NDArray[np.integer], memory: NDArray[np.floating], seen: NDArray[np.integer]
    ) -> NDArray[np.int64]:
        """The n best items ``(B, n)``, best first; those seen ``(B, S)`` (padded with -1) only when all others are."""
        scores = self.scores(users, memory)
        rows, places = np.nonzero(seen >= 0)
        scores[rows, seen[rows, places]] = scores[rows, seen[rows, places]] - _LAST
        best = np.argpartition(-scores, self.n - 1, axis=1)[:, : self.n]
        best.sort(axis=1)
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
        return np.take_along_axis(best, order, axis=1)

    @cached_property
    def _vectors(self) -> NDArray[np.float64]:
        return np.ascontiguousarray(self.scenario.catalogue.vectors.T)


_LAST = 1e6  # puts seen items behind all others, in the order of their scores
