"""What an evaluation has to know of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ilrec_gym.errors import UsageError


@dataclass(frozen=True, eq=False)
class CatalogueFacts:
    """The items, as far as the metrics need them.

    Attributes:
        item_ids: (I,) int64, the data set's own item ids, in the order of the item indices.
        popularity: (I,) float64, ratings per item in the training users' logs.
        item_vectors: (I, G) float64, content vectors.
    """

    item_ids: np.ndarray
    popularity: np.ndarray
    item_vectors: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "item_ids", np.asarray(self.item_ids, np.int64))
        object.__setattr__(self, "popularity", np.asarray(self.popularity, np.float64))
        object.__setattr__(self, "item_vectors", np.asarray(self.item_vectors, np.float64))
        sizes = (self.item_ids.shape, self.popularity.shape, self.item_vectors.shape[:1])
        if self.item_ids.ndim != 1 or self.item_vectors.ndim != 2 or len(set(sizes)) != 1:
            raise UsageError(
                "item_ids (I,), popularity (I,) and item_vectors (I, G) must speak of the same items", received=sizes
            )

    def __len__(self) -> int:
        return len(self.item_ids)
