"""A trie of a whole catalogue, for walking: children of a node, and what of it leads to some titles only."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.llm.grounding.trie import Nodes, Trie


class Branches:
    """Walks in a trie of N nodes and I titles; memory grows with N, not with its square.

    Args:
        trie: The titles.
    """

    def __init__(self, trie: Trie) -> None:
        self.trie = trie
        self._order = np.argsort(trie.parents, kind="stable")  # nodes, siblings side by side

    def below(self, node: int) -> Nodes:
        """The children of a node; -1 is the root."""
        start, end = np.searchsorted(self._sorted, [node, node + 1])
        return self._order[start:end]

    def level(self, nodes: Nodes) -> Trie:
        """Siblings as a trie of their own."""
        return Trie(self.trie.tokens[nodes], np.full(len(nodes), -1), np.arange(len(nodes)))

    def weights(self, items: NDArray[np.integer], prior: NDArray[np.float64]) -> NDArray[np.float64]:
        """``(N,)`` log of the mean of exp(prior) over those of some titles below each node, -inf where there is none.

        Args:
            items: ``(F,)`` the titles.
            prior: ``(F,)`` of each.
        """
        most = prior.max()
        nodes = self._paths[items]
        there = nodes >= 0
        count = np.bincount(nodes[there], minlength=len(self.trie))
        if (prior == most).all():
            return np.where(count > 0, most, -np.inf)
        raised = np.broadcast_to(np.exp(prior - most)[:, None], nodes.shape)[there]
        total = np.bincount(nodes[there], raised, minlength=len(self.trie))
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.log(np.maximum(total, 1e-300) / count) + most
        return np.where(count > 0, mean, -np.inf)

    @cached_property
    def _sorted(self) -> Nodes:
        return self.trie.parents[self._order]

    @cached_property
    def _paths(self) -> Nodes:
        """``(I, longest)`` nodes from the root to each title's end, -1 behind it."""
        paths = np.full((len(self.trie.leaves), int(self.trie.depths.max(initial=0)) + 1), -1)
        nodes = self.trie.leaves.copy()
        for _ in range(paths.shape[1]):
            rows = np.flatnonzero(nodes >= 0)
            paths[rows, self.trie.depths[nodes[rows]]] = nodes[rows]
            nodes[rows] = self.trie.parents[nodes[rows]]
        return paths
