"""Free text: the model writes what it likes, and the nearest free title is taken, as the papers do it.

A title that is written out is found by name; all else goes to the title whose embedding has the largest cosine with
that of the text. What the text says can so choose among free titles and do nothing else.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.llm.backend import Context
from ilrec_agents.llm.grounding.base import Choice, Material, checked_offer
from ilrec_agents.llm.grounding.choice import chances, drawn
from ilrec_agents.llm.grounding.names import TitleFinder
from ilrec_agents.llm.memory.encoder import Encoder, Vectors, title_vectors
from ilrec_agents.llm.prompt import clean


class FreeText:
    """One line of text per row; scores are cosines, 1 where a free title was written out."""

    name = "free_text"

    def __init__(self, material: Material) -> None:
        self._material = material

    def choose(
        self,
        context: Context,
        offered: NDArray[np.integer],
        free: NDArray[np.bool_],
        draws: NDArray[np.float64],
        prior: NDArray[np.float64] | float = 0.0,
    ) -> list[Choice]:
        """The title that was written, where it is free; else the nearest, or a draw from softmax(cosine / T)."""
        priors = checked_offer(context, offered, free, prior)
        written = context.write(self._material.max_title_tokens, self._stops)
        said = [clean(self._material.backend.decode(tokens)) for tokens in written]
        found = [self._names.find(text) for text in said]
        named = [np.isin(items, mine) for items, mine in zip(offered, found, strict=True)]
        cosines = np.full(offered.shape, 1.0)
        unsure = [row for row in range(len(said)) if not (named[row] & free[row]).any()]
        if unsure:
            asked = self._encoder.encode([self._encoder.phrase.format(said[row]) for row in unsure])
            for row, vector in zip(unsure, asked, strict=True):
                cosines[row] = self._vectors[offered[row]] @ vector
        choices = []
        for row, text in enumerate(said):
            allowed = free[row] if row in unsure else free[row] & named[row]
            odds = chances(np.where(allowed, cosines[row] + priors[row], -np.inf), self._material.temperature)
            place = drawn(odds, float(draws[row]))
            choices.append(
                Choice(
                    place=place,
                    score=float(cosines[row, place]),
                    propensity=float(odds[place]),
                    proposed=text,
                    named=found[row],
                    read=0,
                    written=len(written[row]),
                )
            )
        return choices

    @cached_property
    def _names(self) -> TitleFinder:
        return TitleFinder(self._material.titles.texts)

    @cached_property
    def _encoder(self) -> Encoder:
        return self._material.encoder()

    @cached_property
    def _vectors(self) -> Vectors:
        """``(I, D)`` of the catalogue's titles."""
        return title_vectors(self._encoder, self._material.titles.texts)

    @cached_property
    def _stops(self) -> frozenset[int]:
        backend = self._material.backend
        return backend.holding("\n") | {backend.end}
