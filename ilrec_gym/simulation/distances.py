"""Distances between items: how differently all users rate them. What published simulators call similarity.

The raw distance of two items is the Euclidean distance of their columns in the rating matrix, as published thresholds
take it; divided by the square root of the number of users it is a root mean square (RMS), which means the same for any
number of users. For a biased factor model R(u, i) = m + b_u + b_i + p_u . q_i no matrix of ratings or items is needed:

    mean over u of (R(u, i) - R(u, j))^2  =  d^T M d,    d = (b_i - b_j, q_i - q_j),
    M = [[1, mean p^T], [mean p, mean p p^T]]

so with any square root M = S^T S the RMS distance is |x_i - x_j| for x_i = S (b_i, q_i): memory is items times factors.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from ilrec_gym.errors import DataError, UsageError, unknown_name
from ilrec_gym.simulation.backend import to_host
from ilrec_gym.simulation.factorization import FactorModel

UNITS = ("raw", "rms", "quantile")
"""What a threshold can be measured in; a quantile is one of the distances between different items."""

_PAIRS = 200_000  # pairs looked at for quantiles; all where there are no more


class Distances(Protocol):
    """Anything that says how far apart items are, in the raw unit."""

    def between(self, items: Any, others: Any) -> Any:
        """Distances ``(B, N)`` from each item ``(B,)`` to N others of its own ``(B, N)``."""
        ...

    def threshold(self, value: float, unit: str) -> float:
        """A threshold in the raw unit."""
        ...


@dataclass(frozen=True)
class FactorDistances:
    """Distances under a biased factor model.

    Attributes:
        coordinates: ``(I, k + 1)`` float64, x_i times the square root of the number of users.
        n_users: Number of users U.
    """

    coordinates: Any
    n_users: int
    _known: dict[tuple[float, str], float] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, model: FactorModel) -> FactorDistances:
        """Those of all users of a model."""
        users = np.column_stack([np.ones(len(model.user_bias)), model.user_factors])
        values, vectors = np.linalg.eigh(users.T @ users)  # no Cholesky: some factors may not vary at all
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        return cls(np.column_stack([model.item_bias, model.item_factors]) @ root, len(users))

    def between(self, items: Any, others: Any) -> Any:
        """Raw distances ``(B, N)`` from each item ``(B,)`` to N others of its own ``(B, N)``."""
        apart = self.coordinates[others] - self.coordinates[items][:, None]
        xp = array_namespace(apart)
        return xp.sqrt(xp.vecdot(apart, apart))

    def threshold(self, value: float, unit: str) -> float:
        """A threshold in the raw unit; see :data:`UNITS`.

        Raises:
            UsageError: An unknown unit, or a quantile outside [0, 1].
        """
        if (value, unit) not in self._known:  # every step asks
            here = FactorDistances(to_host(self.coordinates), self.n_users)
            self._known[value, unit] = _threshold(here, len(self.coordinates), self.n_users, value, unit)
        return self._known[value, unit]


@dataclass(frozen=True)
class ExplicitDistances:
    """A full matrix of distances, compared with thresholds as they are.

    Attributes:
        matrix: ``(I, I)`` float64, symmetric, in the raw unit.
        n_users: Number of users behind it, which thresholds in the unit "rms" need.
    """

    matrix: Any
    n_users: int = 1
    _known: dict[tuple[float, str], float] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        matrix = to_host(self.matrix)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not (matrix >= 0).all():
            raise DataError("distances must be a square matrix of numbers >= 0", received=matrix.shape)

    def between(self, items: Any, others: Any) -> Any:
        """Distances ``(B, N)`` from each item ``(B,)`` to N others of its own ``(B, N)``."""
        return self.matrix[items[:, None], others]

    def threshold(self, value: float, unit: str) -> float:
        """A threshold in the raw unit; see :data:`UNITS`."""
        if (value, unit) not in self._known:
            here = ExplicitDistances(to_host(self.matrix), self.n_users)
            self._known[value, unit] = _threshold(here, len(self.matrix), self.n_users, value, unit)
        return self._known[value, unit]


def _threshold(distances: Distances, n_items: int, n_users: int, value: float, unit: str) -> float:
    if unit not in UNITS:
        raise unknown_name("threshold_unit", unit, UNITS)
    if unit == "quantile":
        if not 0 <= value <= 1:
            raise UsageError("a threshold that is a quantile must lie in 0..1", received=value)
        if n_items < 2:
            raise UsageError("a quantile of distances needs two items", received=f"{n_items} items")
        return float(np.quantile(pair_distances(distances, n_items), value))
    return float(value * np.sqrt(n_users)) if unit == "rms" else float(value)


def pair_distances(distances: Distances, n_items: int) -> NDArray[np.float64]:
    """Distances of all pairs of different items, or of 200,000 pairs drawn by a fixed seed where there are more."""
    if n_items * (n_items - 1) // 2 <= _PAIRS:
        first, second = np.triu_indices(n_items, k=1)
    else:
        rng = np.random.default_rng(0)
        first = rng.integers(n_items, size=_PAIRS)
        second = (first + rng.integers(1, n_items, size=_PAIRS)) % n_items
    result: NDArray[np.float64] = distances.between(first, second[:, None])[:, 0]
    return result
