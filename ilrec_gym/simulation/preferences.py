"""Who likes what: the rating that user u would give item i, were it the first thing shown. Hidden from agents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from ilrec_gym.errors import DataError

Array = NDArray[np.float64]
Index = NDArray[np.integer]


class PreferenceModel(Protocol):
    """Anything that rates items for users, in rating units; the simulator clips to the scale.

    A session carries its user's ``tastes`` along, so that they can drift and need not be looked up at every step.
    """

    def tastes(self, users: Any) -> Any:
        """What decides the ratings of each user, ``(B, w)`` float64."""
        ...

    def rate(self, tastes: Any, items: Any) -> Any:
        """Ratings ``(B,)`` of one item for each row of tastes."""
        ...

    def predict_all(self, users: Index) -> Array:
        """Ratings ``(B, I)`` of every item for each user."""
        ...


@dataclass(frozen=True)
class ExplicitRatings:
    """A preference model that is simply a full matrix.

    Attributes:
        matrix: ``(U, I)`` float64 ratings.
    """

    matrix: Array

    def __post_init__(self) -> None:
        if self.matrix.ndim != 2 or not array_namespace(self.matrix).isfinite(self.matrix).all():
            raise DataError("explicit ratings must be a finite matrix of users x items", received=self.matrix.shape)

    def tastes(self, users: Any) -> Any:
        """The users' rows of the matrix, ``(B, I)``."""
        return self.matrix[users]

    def rate(self, tastes: Any, items: Any) -> Any:
        """Ratings ``(B,)`` of one item for each row of tastes."""
        return array_namespace(tastes).take_along_axis(tastes, items[:, None], axis=1)[:, 0]

    def predict_all(self, users: Index) -> Array:
        """Ratings ``(B, I)`` of every item for each user."""
        return self.matrix[users]


def aspirations(
    preferences: PreferenceModel, n_users: int, rating_scale: tuple[float, float], quantile: float = 0.98
) -> Array:
    """What each user has come to expect: a high quantile of their own ratings over the catalogue.

    Returns:
        ``(U,)`` float64; linear interpolation between order statistics, ratings clipped to the scale.
    """
    result = np.empty(n_users)
    n_items = preferences.predict_all(np.arange(1)).shape[1]
    for users in np.array_split(np.arange(n_users), -(-n_users * n_items // _CELLS)):
        result[users] = np.quantile(np.clip(preferences.predict_all(users), *rating_scale), quantile, axis=1)
    return result


_CELLS = 2**22  # ratings held at once, 32 MB
