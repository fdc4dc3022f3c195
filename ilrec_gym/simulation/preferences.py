"""Who likes what: the rating that user u would give item i, were it the first thing shown. Hidden from agents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.errors import DataError

Array = NDArray[np.float64]
Index = NDArray[np.integer]


class PreferenceModel(Protocol):
    """Anything that rates items for users, in rating units; the simulator clips to the scale."""

    def predict(self, users: Index, items: Index) -> Array:
        """Ratings ``(B,)`` of one item for each user."""
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
        if self.matrix.ndim != 2 or not np.isfinite(self.matrix).all():
            raise DataError("explicit ratings must be a finite matrix of users x items", received=self.matrix.shape)

    def predict(self, users: Index, items: Index) -> Array:
        """Ratings ``(B,)`` of one item for each user."""
        return self.matrix[users, items]

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
    for users in np.array_split(np.arange(n_users), max(1, n_users // 256)):
        result[users] = np.quantile(np.clip(preferences.predict_all(users), *rating_scale), quantile, axis=1)
    return result
