"""Constrained decoding: the model writes a title token by token, and only tokens that lead to a free title count.

At each branch of the trie of titles, with p the model's probabilities and c one of the children that lead somewhere:

    q(c) = p(c)^(1/T) m(c) / sum over children b of p(b)^(1/T) m(b)

m is the mean of exp(prior) over the free titles below, 1 without a prior. A title's propensity is the product of q on
the way to it; these add up to 1 over all free titles. At T = 0 the best child is taken each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.llm.backend import Context
from ilrec_agents.llm.grounding.base import Choice, Material, checked_offer, needs_reader
from ilrec_agents.llm.grounding.branches import Branches
from ilrec_agents.llm.grounding.choice import chances, drawn
from ilrec_agents.llm.grounding.trie import Nodes, Tokens

_LEAST = -1e4  # nats: stands for what a number format rounds to nothing


@dataclass
class _Walk:
    """One row on its way down.

    Attributes:
        branches: The trie, and what is free below each node.
        weights: ``(N,)`` log m of each node, -inf where nothing free lies below.
        draw: What is left of the row's uniform number.
        node: Where it stands, -1 at the root.
        unread: Tokens chosen and not yet read by the model.
        score: log of the product of q at T = 1.
        propensity: The product of q.
    """

    branches: Branches
    weights: NDArray[np.float64]
    draw: float
    node: int = -1
    unread: Tokens = ()
    score: float = 0.0
    propensity: float = 1.0

    def children(self) -> Nodes:
        """The next nodes to choose among, after those without an alternative; none at a title's end."""
        while True:
            children = self.branches.below(self.node)
            children = children[self.weights[children] > -np.inf]
            if len(children) != 1:
                return children
            self._go(int(children[0]))

    def take(self, children: Nodes, log: NDArray[np.float64], temperature: float) -> None:
        """Choose among children by their log-probabilities ``(C,)``."""
        log = np.maximum(np.nan_to_num(log, nan=_LEAST), _LEAST)
        weights = self.weights[children]
        plain = chances(log + weights, 1.0)
        odds = chances(log / (temperature or 1.0) + weights, 1.0 if temperature else 0.0)
        k = drawn(odds, self.draw)
        below = float(odds[:k].sum())
        self.draw = min(max((self.draw - below) / float(odds[k]), 0.0), np.nextafter(1.0, 0.0))
        self.score += float(np.log(max(plain[k], 1e-300)))
        self.propensity *= float(odds[k])
        self._go(int(children[k]))

    def _go(self, node: int) -> None:
        self.node = node
        self.unread += (int(self.branches.trie.tokens[node]),)


class Constrained:
    """Titles of the catalogue only, whatever the model would rather say."""

    name = "constrained"

    def __init__(self, material: Material) -> None:
        needs_reader(material, self.name)
        self._material = material

    def choose(
        self,
        context: Context,
        offered: NDArray[np.integer],
        free: NDArray[np.bool_],
        draws: NDArray[np.float64],
        prior: NDArray[np.float64] | float = 0.0,
    ) -> list[Choice]:
        """Walk from the root to a title in every row, all rows one branch at a time."""
        priors = checked_offer(context, offered, free, prior)
        branches = self._branches
        walks = [
            _Walk(branches, branches.weights(items[mask], weights[mask]), float(draw))
            for items, mask, weights, draw in zip(offered, free, priors, draws, strict=True)
        ]
        while self._branch(context, walks):
            pass
        return [self._choice(walk, offered[row], free[row]) for row, walk in enumerate(walks)]

    def _branch(self, context: Context, walks: Sequence[_Walk]) -> bool:
        """Take every row past its next branch; False where all have arrived."""
        branching = [walk.children() for walk in walks]
        if not any(map(len, branching)):
            return False
        context.append([walk.unread if len(nodes) else () for walk, nodes in zip(walks, branching, strict=True)])
        reader = context.reader([self._branches.level(nodes) for nodes in branching])
        found = reader.of([np.arange(len(nodes)) for nodes in branching])
        for walk, nodes, log in zip(walks, branching, found, strict=True):
            if len(nodes):
                walk.unread = ()
                walk.take(nodes, log, self._material.temperature)
        return True

    def _choice(self, walk: _Walk, items: NDArray[np.integer], free: NDArray[np.bool_]) -> Choice:
        trie = walk.branches.trie
        place = int(np.flatnonzero(free & (trie.leaves[items] == walk.node))[0])  # of equal titles, the first
        return Choice(
            place=place,
            score=walk.score,
            propensity=walk.propensity,
            proposed=self._material.titles.texts[int(items[place])],
            named=(int(items[place]),),
            read=0,
            written=int(trie.depths[walk.node]) + 1,
        )

    @cached_property
    def _branches(self) -> Branches:
        return Branches(self._material.titles.trie)
