"""Likelihood: every title on offer is scored, with or without correction for how likely it is whoever asks."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.llm.backend import Context
from ilrec_agents.llm.grounding.base import Choice, Material, checked_offer, needs_reader
from ilrec_agents.llm.grounding.choice import Baseline, Chooser, chances, drawn
from ilrec_gym.errors import UsageError

_MOST = 500  # titles of one row: each is read in full, and their trie holds which node lies above which


class Likelihood:
    """score(title) = ( log p(title | viewer) - w log p(title | everybody) ) / tokens, in nats per token.

    Names are scored first; the best few are scored again with their years. See :mod:`.choice`.
    """

    name = "likelihood"

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
        """The best score, or a draw from softmax(score / temperature).

        Raises:
            UsageError: More titles than can be scored one by one.
        """
        priors = checked_offer(context, offered, free, prior)
        if offered.shape[1] > _MOST:
            raise UsageError(
                f"likelihood scores {_MOST} titles at most",
                received=f"{offered.shape[1]} on offer",
                cause="an environment that offers its whole catalogue",
                fix='choose among fewer, or take grounding="constrained"',
            )
        titles = self._material.titles
        offers = [titles.offer(items) for items in offered]
        reader = context.reader([offer.trie for offer in offers])
        choices = []
        for row, scores in enumerate(self._chooser.scores(reader, offers, free, priors)):
            odds = chances(scores, self._material.temperature)
            place = drawn(odds, float(draws[row]))
            choices.append(
                Choice(
                    place=place,
                    score=float(scores[place]),
                    propensity=float(odds[place]),
                    proposed=titles.texts[int(offered[row, place])],
                    named=(int(offered[row, place]),),
                    read=int(reader.read[row]),
                    written=int(offers[row].trie.lengths[place]),
                )
            )
        return choices

    @cached_property
    def _chooser(self) -> Chooser:
        weight = self._material.correction
        baseline = Baseline(self._material.everybody()) if weight else None
        return Chooser(baseline, weight, self._material.shortlist)
