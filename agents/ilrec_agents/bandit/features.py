"""Public features of showing an item: what everybody's ratings depend on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Infos
from ilrec_agents.task import Task
from ilrec_gym.envs.observation import FAST

Array = NDArray[np.float64]
Items = NDArray[np.integer]
SHARED = ("one", "predicted_rating", "similarity", "item_mean", "log_popularity")
"""x: the features that all users share weights of. Ratings are centred on the scale's middle, in half scales."""


@dataclass(frozen=True)
class Choices:
    """What may be shown next in each of B sessions: n items.

    Attributes:
        x: ``(B, n, 5)`` shared features.
        items: ``(B, n)`` which they are, or ``(n,)`` where they are the same in all sessions: the whole catalogue.
    """

    x: Array
    items: Items


@dataclass(frozen=True)
class Shown:
    """What B sessions have shown so far, t items in the longest; 0 behind the others' last.

    Attributes:
        x: ``(B, t, 5)`` shared features that the items had when they were shown.
        y: ``(B, t)`` ratings, centred, in half scales.
        items: ``(B, t)`` which items they were.
        there: ``(B, t)`` where there was one.
    """

    x: Array
    y: Array
    items: Items
    there: NDArray[np.bool_]


class Features:
    """x of items, for running sessions and for what was shown in them.

    Args:
        task: Whose public factors and content vectors.
    """

    def __init__(self, task: Task) -> None:
        self._task, self._middle = task, sum(task.rating_scale) / 2
        means = self.scaled(task.public.mean + task.public.item_bias)
        self._of_item = np.stack([means, np.log1p(task.catalogue.popularity)], axis=1)
        self._vectors = task.catalogue.vectors

    def now(self, memory: Array, infos: Infos) -> Choices:
        """What may be shown next, given decayed memories ``(B, G)`` of what was shown."""
        users = infos["user_index"]
        if self._task.n_candidates:
            items = infos["candidates"]
            similarity = (self._vectors[items] @ memory[..., None])[..., 0]
            return Choices(self._shared(self._task.public.predict_some(users, items), similarity, items), items)
        items = np.arange(len(self._vectors))
        return Choices(self._shared(self._task.public.predict_all(users), memory @ self._vectors.T, items), items)

    def scaled(self, ratings: Array) -> Array:
        """Ratings as rewards: centred, in half scales."""
        return (ratings - self._middle) / self._task.half

    def _shared(self, predicted: Array, similarity: Array, items: Items) -> Array:
        """Features x ``(B, n, 5)`` of items with predicted ratings ``(B, n)`` and similarity ``(B, n)``."""
        x = np.empty((*predicted.shape, len(SHARED)))
        x[..., 0], x[..., 1], x[..., 2], x[..., 3:] = 1.0, self.scaled(predicted), similarity, self._of_item[items]
        return x

    def past(self, infos: Infos) -> Shown:
        """What was shown in each session so far.

        Args:
            infos: With the part ``history``.
        """
        width = int(np.max(infos["step"], initial=0))
        items, ratings = infos["history_items"][:, :width], infos["history_ratings"][:, :width]
        there = np.arange(width) < np.asarray(infos["step"])[:, None]
        shown = np.where(there, items, 0)
        predicted = self._task.public.predict_some(infos["user_index"], shown)
        x = self._shared(predicted, self._then(shown), shown) * there[..., None]
        return Shown(x, np.where(there, self.scaled(ratings), 0.0), shown, there)

    def _then(self, shown: Items) -> Array:
        """The similarity that each item had when it was shown ``(B, t)``."""
        vectors, found = self._vectors[shown], np.zeros(shown.shape)
        memory = np.zeros((len(shown), vectors.shape[-1]))
        for t in range(shown.shape[1]):
            found[:, t] = (vectors[:, t] * memory).sum(axis=1)
            memory = FAST * memory + vectors[:, t]
        return found
