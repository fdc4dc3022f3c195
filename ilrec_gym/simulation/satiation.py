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
    liked: Any, shown: Any, memory: Any, repeated: Any, *, kappa: float, rho: float, scale: tuple[float, float]
) -> Any:
    """y_t = clip(R - half * (kappa * (e . g) + rho * [shown before])): the rating that the user gives, the reward.

    Args:
        liked: ``(B,)`` the preference model's ratings R(u, a), within the scale.
        shown: ``(B, G)`` content vectors e of the items shown.
        memory: ``(B, G)`` decayed memories g before this step.
        repeated: ``(B,)`` bool, whether this session had the item already.
        kappa: Weight of similarity to what was shown.
        rho: Weight of an exact repeat.
        scale: Lowest and highest rating.
    """
    xp = array_namespace(liked, shown, memory)
    half = (scale[1] - scale[0]) / 2
    similar = xp.sum(shown * memory, axis=-1)
    spoiled = kappa * similar + rho * xp.astype(repeated, liked.dtype)
    return xp.clip(liked - half * spoiled, scale[0], scale[1])
