"""Satiation: how much recent similar items spoil the next one. Pure functions over any array library."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray


def item_vectors(genres: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Content vectors e_i: L2-normalised genre multi-hot, weighted by inverse document frequency.

    idf_g = max(0, ln(n_items / (1 + n_items_with_g))); an item without genres counts as having one of its own,
    "unknown", which is the last column and is there only where it is needed.

    Args:
        genres: ``(I, G)`` bool.

    Returns:
        ``(I, G)`` or ``(I, G + 1)`` float64; rows of length 1, or 0 where every genre of the item is on all items.
    """
    lonely = ~genres.any(axis=1, keepdims=True)
    if lonely.any():
        genres = np.concatenate([genres, lonely], axis=1)
    idf = np.maximum(0.0, np.log(len(genres) / (1 + genres.sum(axis=0))))
    weighted = genres * idf
    norm = np.linalg.norm(weighted, axis=1, keepdims=True)
    return np.divide(weighted, norm, out=np.zeros_like(weighted), where=norm > 0)


def remember(memory: Any, shown: Any, decay: float) -> Any:
    """g_{t+1} = lam * g_t + e_{a_t}: ``(B, G)`` decayed memory of what was shown."""
    return decay * memory + shown


def rating_given(
    liked: Any,
    shown: Any,
    memory: Any,
    repeated: Any,
    *,
    kappa: float,
    rho: float,
    scale: tuple[float, float],
    noise: Any = 0.0,
) -> Any:
    """y_t = clip(R - half * (kappa * (e . g) + rho * [shown before] - noise)): the rating given, which is the reward.

    Args:
        liked: ``(B,)`` the preference model's ratings R(u, a), within the scale.
        shown: ``(B, G)`` content vectors e of the items shown.
        memory: ``(B, G)`` decayed memories g before this step.
        repeated: ``(B,)`` bool, whether this session had the item already.
        kappa: Weight of similarity to what was shown.
        rho: Weight of an exact repeat.
        scale: Lowest and highest rating.
        noise: ``(B,)`` what chance adds, in half scales.
    """
    xp = array_namespace(liked, shown, memory)
    half = (scale[1] - scale[0]) / 2
    spoiled = kappa * xp.vecdot(shown, memory) + rho * xp.astype(repeated, liked.dtype) - noise
    return xp.clip(liked - half * spoiled, scale[0], scale[1])


def drifted(interests: Any, factors: Any, rating: Any, *, middle: float, half: float, drift: float) -> Any:
    """p_{t+1} = (1 - d) p_t + d |p_t| q / |q|,  d = drift * max(0, (y_t - middle) / half): liking pulls interest along.

    RecSim moves a user's interest in the topic of a consumed item up or down (Ie et al. 2019); here what was liked
    pulls the whole interest vector towards itself, and never beyond its length, so that ratings stay what they are.

    Args:
        interests: ``(B, k)`` p_t.
        factors: ``(B, k)`` q of the items shown.
        rating: ``(B,)`` y_t, the ratings given.
        middle: The middle of the rating scale.
        half: Half its width.
        drift: How far an item rated with the highest rating pulls, 0 to 1.
    """
    xp = array_namespace(interests)
    pull = (drift * xp.clip((rating - middle) / half, 0.0, None))[:, None]
    length = xp.sqrt(xp.vecdot(interests, interests))[:, None]
    norm = xp.sqrt(xp.vecdot(factors, factors))[:, None]
    return (1 - pull) * interests + pull * length * factors / xp.where(norm > 0, norm, xp.ones_like(norm))
