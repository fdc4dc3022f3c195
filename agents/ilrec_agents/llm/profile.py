"""What the language model is told of a viewer: loved and disliked films of the public profile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Taste:
    """Films of a profile, as item indices.

    Attributes:
        liked: Rated at the viewer's own mean or above, dearest last, so that they stand next to what is asked.
        disliked: Rated clearly below it, worst last.
    """

    liked: tuple[int, ...]
    disliked: tuple[int, ...]

    @classmethod
    def of(cls, items: NDArray[np.integer], ratings: NDArray[np.floating], n_liked: int, n_disliked: int) -> Taste:
        """The taste in one profile.

        Args:
            items: ``(L,)`` item indices, -1 where there is none.
            ratings: ``(L,)`` their ratings.
            n_liked: Liked films at most.
            n_disliked: Disliked films at most.
        """
        there = items >= 0
        items, ratings = items[there], ratings[there]
        if not len(items):
            return cls((), ())
        order = np.argsort(ratings, kind="stable")
        mean, spread = ratings.mean(), ratings.std()
        liked = [int(items[i]) for i in order if ratings[i] >= mean]
        disliked = [int(items[i]) for i in order[::-1] if ratings[i] < mean - spread]
        return cls(tuple(liked[max(0, len(liked) - n_liked) :]), tuple(disliked[max(0, len(disliked) - n_disliked) :]))
