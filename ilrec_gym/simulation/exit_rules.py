"""When a user leaves. Pure functions over any array library; every exit has a reason."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

PATIENCE = "patience"
"""Exit reason: the time budget is used up."""

EXHAUSTED = 1e-9
"""Patience at or below this has run out."""


def patience_left(patience: Any, rating: Any, aspiration: Any, *, gain: float, budget: float, half: float) -> Any:
    """p_{t+1} = min(P, p_t + gain * (y_t - c_u) / half): every disappointment costs patience.

    RecSim's time budget (Ie et al. 2019), with the user's own expectation in place of a common bar.

    Args:
        patience: ``(B,)`` p_t.
        rating: ``(B,)`` y_t, the rating just given.
        aspiration: ``(B,)`` c_u, the rating that the user has come to expect.
        gain: How fast disappointment counts.
        budget: P, the most patience there is.
        half: Half the width of the rating scale.
    """
    xp = array_namespace(patience, rating)
    return xp.clip(patience + gain * (rating - aspiration) / half, None, budget)


LOW_RATING = "low_rating"
"""Exit reason: the user disliked the item too much."""

TOO_SIMILAR = "too_similar"
"""Exit reason: the item is too near one that was shown lately."""

SAME_GENRE = "same_genre"
"""Exit reason: a genre of the item came too often lately."""


def window_of(shown: Any, steps: Any, size: int) -> tuple[Any, Any]:
    """The last items of each session, latest first; a window never wraps into items that were not shown.

    Args:
        shown: ``(B, T)`` items in order.
        steps: ``(B,)`` how many of them were shown so far.
        size: Length N of the window.

    Returns:
        Items ``(B, N)`` int64, any item where there is none, and which of them there are ``(B, N)`` bool.
    """
    xp = array_namespace(shown)
    place = steps[:, None] - 1 - xp.arange(size, device=shown.device)
    items = xp.take_along_axis(shown, xp.clip(place, 0, None), axis=1)
    valid = (place >= 0) & (items >= 0)
    return xp.astype(xp.where(valid, items, xp.zeros_like(items)), xp.int64), valid


def any_near(distances: Any, valid: Any, threshold: float) -> Any:
    """``(B,)`` bool: whether any of the window's items ``(B, N)`` is strictly nearer than the threshold."""
    return array_namespace(distances).any((distances < threshold) & valid, axis=1)


def genre_too_often(genres: Any, window_genres: Any, valid: Any, at_most: int) -> Any:
    """``(B,)`` bool: whether some genre of the item occurs in more than ``at_most`` items of the window.

    Args:
        genres: ``(B, G)`` bool, of the item.
        window_genres: ``(B, N, G)`` bool, of the window's items.
        valid: ``(B, N)`` bool.
        at_most: How often is not too often.
    """
    xp = array_namespace(genres)
    counts = xp.sum(xp.astype(window_genres & valid[..., None], xp.int64), axis=1)
    return xp.any(genres & (counts > at_most), axis=1)
