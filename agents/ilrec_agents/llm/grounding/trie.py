"""The titles on offer as a trie of tokens: nothing outside it can be recommended, and shared beginnings cost once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Tokens = tuple[int, ...]
Nodes = NDArray[np.int64]


@dataclass(frozen=True)
class Trie:
    """A trie over token sequences. Parents come before their children; the root is no node.

    Attributes:
        tokens: ``(N,)`` int64, the token of each node.
        parents: ``(N,)`` int64, -1 for children of the root.
        leaves: ``(S,)`` int64, the node at which sequence s ends. Equal sequences share it.
    """

    tokens: Nodes
    parents: Nodes
    leaves: Nodes

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int]], end: int) -> Trie:
        """The trie of some sequences.

        A sequence that another one continues gets the token ``end``, so that "stops here" is weighed against
        "goes on"; for the others the end is certain and costs nothing.
        """
        inner = {tuple(s[:k]) for s in sequences for k in range(len(s))}
        return cls.exactly([(*s, end) if tuple(s) in inner else tuple(s) for s in sequences])

    @classmethod
    def exactly(cls, paths: Sequence[Tokens]) -> Trie:
        """The trie of some paths, without any end added."""
        nodes: dict[tuple[int, int], int] = {}  # (parent, token) -> node
        parents: list[int] = []
        leaves: list[int] = []
        for path in paths:
            node = -1
            for token in path:
                child = nodes.setdefault((node, token), len(parents))
                if child == len(parents):
                    parents.append(node)
                node = child
            leaves.append(node)
        tokens = [token for _, token in nodes]
        return cls(np.array(tokens, np.int64), np.array(parents, np.int64), np.array(leaves, np.int64))

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def depths(self) -> Nodes:
        """``(N,)`` tokens before each node: 0 for children of the root."""
        depths = np.zeros(len(self), np.int64)
        for node, parent in enumerate(self.parents):
            depths[node] = depths[parent] + 1 if parent >= 0 else 0
        return depths

    @cached_property
    def lineage(self) -> NDArray[np.bool_]:
        """``(N, N)`` bool: whether node j is node i or an ancestor of it."""
        lineage = np.eye(len(self), dtype=bool)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                lineage[node] |= lineage[parent]
        return lineage

    @cached_property
    def lengths(self) -> Nodes:
        """``(S,)`` tokens of each sequence, with its end where it has one."""
        return self.depths[self.leaves] + 1

    def above(self, nodes: Nodes) -> Nodes:
        """These nodes and all their ancestors, in order."""
        return np.flatnonzero(self.lineage[nodes].any(axis=0))

    def cuts(self, lengths: Sequence[int]) -> Nodes:
        """``(S,)`` the node at which the first ``lengths[s]`` tokens of each sequence end."""
        cuts = self.leaves.copy()
        for s, length in enumerate(lengths):
            while self.depths[cuts[s]] >= max(length, 1):
                cuts[s] = self.parents[cuts[s]]
        return cuts

    def path(self, node: int) -> Tokens:
        """The tokens from the root to a node."""
        return tuple(int(token) for token in self.tokens[self.lineage[node]])

    def totals(self, log_probabilities: NDArray[np.floating], nodes: Nodes) -> NDArray[np.float64]:
        """Log-probability of the paths to some nodes, from those of nodes ``(N,)`` given their parents."""
        return np.array([log_probabilities[self.lineage[node]].sum() for node in nodes], float)
