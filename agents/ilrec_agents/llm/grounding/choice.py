"""Choosing a title: how much likelier this viewer makes it than an average viewer does.

    score(title) = ( log p(title | viewer) - w log p(title | everybody) ) / tokens

A language model finds some titles likely whoever asks; without the correction those win everywhere. Names are scored
first; only the best few are scored again with their years, which are half of a title's tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.llm.backend import Context, Reader
from ilrec_agents.llm.grounding.trie import Nodes, Tokens, Trie

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Offer:
    """The titles on offer in one row.

    Attributes:
        trie: Of all titles.
        names: ``(S,)`` the node at which each title's name ends and its year begins.
    """

    trie: Trie
    names: Nodes

    @classmethod
    def of(cls, titles: Sequence[tuple[Tokens, int]], end: int) -> Offer:
        """From titles and the lengths of their names, in tokens."""
        trie = Trie.of([tokens for tokens, _ in titles], end)
        return cls(trie, trie.cuts([length for _, length in titles]))


class Baseline:
    """log p(title | everybody): the mean over a few viewers who love what everybody knows.

    Each title is scored once and kept. One such viewer alone would mark titles by accident, for all viewers alike.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[Tokens, float] = {}

    def learn(self, offers: Sequence[Offer], at_once: int = 64) -> None:
        """Score the titles that are new."""
        paths = {offer.trie.path(node) for offer in offers for node in (*offer.trie.leaves, *offer.names)}
        unknown = sorted(paths - self._known.keys())
        for start in range(0, len(unknown), at_once):
            part = unknown[start : start + at_once]
            trie, mark = Trie.exactly(part), self._context.mark()
            rows = self._context.rows
            try:
                scores = np.mean(self._context.reader([trie] * rows).of([np.arange(len(trie))] * rows), axis=0)
            finally:
                self._context.rewind(mark)
            self._known.update(zip(part, trie.totals(scores, trie.leaves).tolist(), strict=True))

    def totals(self, trie: Trie, nodes: Nodes) -> Scores:
        """Log-probabilities of the paths to nodes that were learned."""
        return np.array([self._known[trie.path(node)] for node in nodes])


@dataclass(frozen=True)
class Chooser:
    """Scores offers.

    Attributes:
        baseline: What everybody's titles are; None for none, as with w = 0.
        weight: w above.
        shortlist: How many titles of a row are scored with their year; the others are out.
    """

    baseline: Baseline | None
    weight: float
    shortlist: int

    def scores(
        self, reader: Reader, offers: Sequence[Offer], free: NDArray[np.bool_], prior: Scores | float = 0.0
    ) -> list[Scores]:
        """Scores ``(S,)`` of each row, in nats per token, plus the ``prior`` (S,) or (B, S).

        They are -inf for titles that are not on the shortlist or not ``free`` (B, S).
        """
        priors = np.broadcast_to(prior, free.shape)
        if self.weight and self.baseline is not None:
            self.baseline.learn(offers)
        found = [np.full(len(offer.trie), np.nan) for offer in offers]
        self._read(reader, offers, found, [offer.names for offer in offers])
        lists = []
        for offer, log, mask, extra in zip(offers, found, free, priors, strict=True):
            score = np.where(mask, self._score(offer.trie, log, offer.names) + extra, -np.inf)
            lists.append(np.argsort(-score, kind="stable")[: min(self.shortlist, mask.sum())])
        self._read(reader, offers, found, [offer.trie.leaves[kept] for offer, kept in zip(offers, lists, strict=True)])
        final = [np.full(len(offer.trie.leaves), -np.inf) for offer in offers]
        for score, offer, log, kept, extra in zip(final, offers, found, lists, priors, strict=True):
            score[kept] = self._score(offer.trie, log, offer.trie.leaves[kept]) + extra[kept]
        return final

    @staticmethod
    def _read(reader: Reader, offers: Sequence[Offer], found: Sequence[Scores], ends: Sequence[Nodes]) -> None:
        nodes = [offer.trie.above(end) for offer, end in zip(offers, ends, strict=True)]
        new = [mine[np.isnan(log[mine])] for mine, log in zip(nodes, found, strict=True)]
        for log, mine, scores in zip(found, new, reader.of(new), strict=True):
            log[mine] = scores

    def _score(self, trie: Trie, log: Scores, nodes: Nodes) -> Scores:
        score: Scores = trie.totals(log, nodes)
        if self.weight and self.baseline is not None:
            score = score - self.weight * self.baseline.totals(trie, nodes)
        return score / (trie.depths[nodes] + 1)


def chances(scores: Scores, temperature: float) -> Scores:
    """Probabilities ``(S,)`` of choosing: softmax of score / temperature, or the best for certain at temperature 0."""
    if temperature == 0:
        return (np.arange(len(scores)) == scores.argmax()).astype(float)
    weights = np.exp((scores - scores.max()) / temperature)
    probabilities: Scores = weights / weights.sum()
    return probabilities


def drawn(odds: Scores, draw: float) -> int:
    """The place that a uniform number from [0, 1) falls on among probabilities ``(S,)``; never one without any."""
    return min(int((np.cumsum(odds) <= draw).sum()), int(np.flatnonzero(odds)[-1]))
