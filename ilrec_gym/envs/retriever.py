"""The public retriever: predicted rating on public factors minus similarity to what was shown, the first n.

Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998) with a decayed memory in place of the nearest item:

    score(i) = m + b_u + b_i + p_u . q_i  -  weight * half * (e_i . g)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace

from ilrec_gym.simulation.backend import HOST, Backend
from ilrec_gym.simulation.scenario import Scenario

WEIGHT = 0.25
"""Default weight of similarity, in half scales."""


class Retriever:
    """Scores every item for B sessions and picks the n best that were not seen.

    Args:
        scenario: Where the public factors and content vectors come from.
        n: How many items are offered.
        weight: Weight of similarity to what was shown, in half scales.
        backend: Where the arrays live.
    """

    def __init__(self, scenario: Scenario, n: int, weight: float = WEIGHT, backend: Backend = HOST) -> None:
        low, high = scenario.rating_scale
        self.n, self.public = n, backend.move(scenario.public)
        self._similarity = backend.array(weight * (high - low) / 2 * scenario.catalogue.vectors.T)

    def scores(self, users: Any, memory: Any) -> Any:
        """Scores ``(B, I)`` in rating units, given users ``(B,)`` and fast memories ``(B, G)``."""
        xp = array_namespace(memory)
        return self.public.predict_all(users) - xp.astype(memory, xp.float64) @ self._similarity

    def offer(self, users: Any, memory: Any, seen: Any) -> Any:
        """The n best items ``(B, n)``, best first; those seen ``(B, S)`` (padded with -1) only when all others are."""
        scores = self.scores(users, memory)
        xp = array_namespace(scores)
        rows, places = xp.nonzero(seen >= 0)
        items = seen[rows, places]
        scores[rows, items] = scores[rows, items] - _LAST
        best = xp.sort(_largest(scores, self.n), axis=1)
        order = xp.argsort(-xp.take_along_axis(scores, best, axis=1), axis=1, stable=True)
        return xp.take_along_axis(best, order, axis=1)


_LAST = 1e6  # puts seen items behind all others, in the order of their scores


def _largest(scores: Any, n: int) -> Any:
    """``(B, n)`` places of the n largest, in any order; the array API has no partial sort."""
    if isinstance(scores, np.ndarray):
        return np.argpartition(-scores, n - 1, axis=1)[:, :n]
    return scores.topk(n, dim=1).indices
