"""The nearest allowed item to a point: by matrix product over all items, or by a graph of neighbours."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.errors import require, unknown_name

Vectors = NDArray[np.float32]


class NearestItem(Protocol):
    """Finds items by their vectors."""

    def __call__(self, point: Vectors, allowed: NDArray[np.bool_]) -> int:
        """The item nearest to a point ``(k,)`` among those allowed ``(I,)``, of which there is one."""
        ...


def nearest_item(vectors: Vectors, search: str) -> NearestItem:
    """A search over item vectors ``(I, k)``: ``"exact"`` or ``"approximate"``.

    Raises:
        UnknownNameError: No such search.
        MissingExtraError: The approximate one needs faiss (the extra "search").
    """
    if search not in SEARCHES:
        raise unknown_name("search", search, SEARCHES)
    return SEARCHES[search](vectors)


class Exact:
    """argmin_i |x_i - a|^2 = argmin_i |x_i|^2 / 2 - x_i . a, over all items.

    Args:
        vectors: ``(I, k)`` float32.
    """

    def __init__(self, vectors: Vectors) -> None:
        self._vectors, self._half_norms = vectors, np.square(vectors).sum(axis=1) / 2

    def __call__(self, point: Vectors, allowed: NDArray[np.bool_]) -> int:
        """The nearest allowed item; the first of equally near ones."""
        distances = self._half_norms - self._vectors @ point
        distances[~allowed] = np.inf
        return int(distances.argmin())


class Approximate:
    """Hierarchical navigable small worlds (Malkov and Yashunin, TPAMI 2020; arXiv 1603.09320), as faiss has them.

    Asks for more and more neighbours until one of them is allowed, and looks at all items where none is found.

    Args:
        vectors: ``(I, k)`` float32.
    """

    def __init__(self, vectors: Vectors) -> None:
        self._vectors, self._exact = vectors, Exact(vectors)
        faiss = require("faiss", "search")
        self._graph: Any = faiss.IndexHNSWFlat(vectors.shape[1], _LINKS)
        self._graph.hnsw.efConstruction = _BUILDING
        self._graph.add(vectors)

    def __call__(self, point: Vectors, allowed: NDArray[np.bool_]) -> int:
        """The nearest allowed item, or one that is nearly so."""
        count = _FIRST
        while count < len(self._vectors):
            self._graph.hnsw.efSearch = 2 * count
            found = self._graph.search(point[None], count)[1][0]
            found = found[found >= 0]
            found = found[allowed[found]]
            if len(found):
                return int(found[0])
            count *= 4
        return self._exact(point, allowed)

    def __reduce__(self) -> Any:
        return Approximate, (self._vectors,)


SEARCHES: dict[str, type[Exact] | type[Approximate]] = {"exact": Exact, "approximate": Approximate}

_LINKS, _BUILDING, _FIRST = 32, 80, 32  # links per item; neighbours looked at when building, and first asked for
