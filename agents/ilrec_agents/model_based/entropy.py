"""How spread out logged behaviour is after what was shown: the k-th order entropies of DORL, by genre."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.integer]


class BehaviourEntropy:
    """The entropy of what a log shows next, after patterns of the genres shown last.

        P_E(s, a) = sum_{k in orders} mean over patterns c of the last k items, a the last of them, of H(c)
        H(c)      = - sum_g p(g | c) ln p(g | c) / ln G

    A pattern of k items takes one genre of each, in any order; p(g | c) is the share of genre g in the items that the
    log shows right after c, an item with n genres counting 1/n for each. H is 1 where everything follows alike, and
    also where the log has no such pattern or fewer than k items were shown, as in the paper's code.

    Args:
        sessions: Item indices ``(T,)`` of each session.
        genres: ``(I, G)`` bool.
        orders: The orders k.
    """

    def __init__(self, sessions: Sequence[Index], genres: NDArray[np.bool_], orders: tuple[int, ...]) -> None:
        self.genres, self.orders = genres, orders
        counts: dict[tuple[int, ...], NDArray[np.float64]] = {}
        share = genres / np.maximum(genres.sum(axis=1, keepdims=True), 1)
        self._of = [tuple(np.flatnonzero(row).tolist()) for row in genres]
        for items in sessions:
            for k in orders:
                for t in range(k, len(items)):
                    for pattern in self._patterns(items[t - k : t]):
                        counts[pattern] = counts.get(pattern, 0.0) + share[items[t]]
        self.table = {pattern: _entropy(count) for pattern, count in counts.items()}

    def __call__(self, shown: Index, steps: Index, items: Index) -> NDArray[np.float64]:
        """P_E ``(B,)``.

        Args:
            shown: ``(B, T)`` items of the sessions before this step, padded with -1.
            steps: ``(B,)`` how many they are.
            items: ``(B,)`` items shown now.
        """
        found = np.zeros(len(items))
        for row, (n, item) in enumerate(zip(steps.tolist(), items.tolist(), strict=True)):
            for k in self.orders:
                last = [*shown[row, max(n - k + 1, 0) : n].tolist(), item]
                patterns = self._patterns(last) if len(last) == k else []
                values = [self.table.get(pattern, 1.0) for pattern in patterns]
                found[row] += sum(values) / len(values) if values else 1.0
        return found

    def _patterns(self, items: Sequence[int] | Index) -> set[tuple[int, ...]]:
        return {tuple(sorted(genres)) for genres in product(*(self._of[item] for item in items))}


def _entropy(counts: NDArray[np.float64]) -> float:
    """Shannon entropy of a distribution given by counts ``(G,)``, divided by its largest value ln G."""
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log(p)).sum() / np.log(max(len(counts), 2)))
