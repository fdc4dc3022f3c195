"""Scores without a unit, such as those of implicit feedback, put on a rating scale by each user's own quantiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.simulation.factorization import FactorModel

Array = NDArray[np.float64]

MIDDLE, HIGH = 0.5, 0.98
"""The quantiles that are pinned: half of the catalogue, and what a user comes to expect."""
_COMMON = 0.01
_CHUNK = 256


def leaning(users: Array, among: NDArray[np.bool_] | None = None) -> Array:
    """Factors ``(U, k)`` with a hundredth of common taste added, which decides where nearly nothing is known of a user.

    Args:
        users: ``(U, k)``; rows near zero are those of users whose choices say nothing, or who made none.
        among: ``(U,)`` bool, the users whose mean is common taste; None for all.
    """
    return users + _COMMON * (users if among is None else users[among]).mean(axis=0)


def as_ratings(
    users: Array, items: Array, rating_scale: tuple[float, float], among: NDArray[np.bool_] | None = None
) -> FactorModel:
    """A factor model in rating units, in which every user ranks the items as the scores x_u . y_i do.

        R(u, i) = a_u + s_u (x_u . y_i),   with a_u, s_u so that two quantiles of R(u, .) over the catalogue are exact:

    an item that the user likes better than a share F of the catalogue is rated r_min + F (r_max - r_min), for F = 0.5
    (the middle of the scale) and F = 0.98. A straight line through the two, rather than the whole quantile function,
    keeps a biased factor model, whose item bias is the mean over users. What lies off the scale is clipped in use.

    Args:
        users: ``(U, k)`` factors x.
        items: ``(I, k)`` factors y.
        rating_scale: Lowest and highest rating.
        among: ``(U,)`` bool, the users whose mean taste is the item bias; None for all.
    """
    among = np.ones(len(users), np.bool_) if among is None else among
    middle, high = (rating_scale[0] + share * (rating_scale[1] - rating_scale[0]) for share in (MIDDLE, HIGH))
    found = np.empty((len(users), 2))
    for start in range(0, len(users), _CHUNK):
        rows = slice(start, start + _CHUNK)
        found[rows] = np.quantile(users[rows] @ items.T, [MIDDLE, HIGH], axis=1).T
    width = found[:, 1] - found[:, 0]
    slope = np.divide(high - middle, width, out=np.zeros(len(users)), where=width > 0)
    level, taste = middle - slope * found[:, 0], slope[:, None] * users
    common, base = taste[among].mean(axis=0), float(level[among].mean())
    liked = items @ common
    return FactorModel(base + float(liked.mean()), level - base, liked - liked.mean(), taste - common, items)
