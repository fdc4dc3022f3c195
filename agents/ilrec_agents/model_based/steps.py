"""Logged sessions as the world model reads them: what was known before each step, what was shown, what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.offline.episodes import Episode, SessionDataset
from ilrec_agents.offline.shown import items_shown
from ilrec_agents.task import Task

Array32 = NDArray[np.float32]
Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Asked:
    """N questions to a world model: how will this viewer, after this session so far, take this item?

    Attributes:
        context: ``(N, c)`` float32, the observation without the features of items on offer.
        item: ``(N,)`` int64 item indices.
        shown: ``(N, L)`` int64 indices of the last items before, oldest first, padded with -1 behind.
        given: ``(N, L)`` float32 their ratings, centred and divided by half the scale; 0 where padded.
    """

    context: Array32
    item: Index
    shown: Index
    given: Array32

    def __len__(self) -> int:
        return len(self.item)

    def take(self, rows: Index) -> Asked:
        """Some of them."""
        return Asked(self.context[rows], self.item[rows], self.shown[rows], self.given[rows])


class Before(Protocol):
    """What sessions had shown before a step: ``shown`` ``(B, T)`` items, padded with -1, ``steps`` ``(B,)`` of them."""

    @property
    def shown(self) -> Any: ...

    @property
    def steps(self) -> Any: ...


@dataclass(frozen=True, eq=False)
class Shown:
    """The end of it: the last items alone.

    Attributes:
        shown: ``(B, L)`` the last items, oldest first, padded with -1.
        steps: ``(B,)`` how many they are.
    """

    shown: Index
    steps: Index


@dataclass(frozen=True, eq=False)
class LoggedSteps:
    """The steps of logged sessions, one after the other.

    Attributes:
        asked: What was known and shown, ``(N, ...)``.
        rating: ``(N,)`` float32 the ratings given, in rating units.
        left: ``(N,)`` bool, whether the viewer left after the step.
        session: ``(N,)`` int64 index of the session.
        viewer: ``(N,)`` int64, equal for sessions whose profiles are equal.
    """

    asked: Asked
    rating: Array32
    left: NDArray[np.bool_]
    session: Index
    viewer: Index

    def __len__(self) -> int:
        return len(self.rating)

    def where(self, chosen: NDArray[np.bool_]) -> LoggedSteps:
        """Those steps."""
        arrays = {f.name: getattr(self, f.name)[chosen] for f in fields(self) if f.name != "asked"}
        return LoggedSteps(asked=self.asked.take(np.flatnonzero(chosen)), **arrays)


def window(shown: NDArray[np.integer], given: NDArray[np.floating], steps: Index, length: int) -> tuple[Index, Array32]:
    """The last items and ratings before each step.

    Args:
        shown: ``(B, T)`` item indices in order.
        given: ``(B, T)`` their ratings, scaled.
        steps: ``(B,)`` how many of them came before.
        length: How many to look back, L.

    Returns:
        ``(B, L)`` items, oldest first, padded with -1 behind, and ``(B, L)`` ratings, padded with 0.
    """
    ahead = np.arange(length) + np.maximum(steps - length, 0)[:, None]
    there, ahead = ahead < steps[:, None], np.minimum(ahead, shown.shape[1] - 1)
    items, ratings = (np.take_along_axis(array, ahead, axis=1) for array in (shown, given))
    return np.where(there, items, -1).astype(np.int64), np.where(there, ratings, 0.0).astype(np.float32)


def scaled(task: Task, ratings: NDArray[np.floating]) -> NDArray[np.floating]:
    """Ratings centred on the middle of the scale and divided by half its width."""
    return (ratings - sum(task.rating_scale) / 2) / task.half


def logged_steps(dataset: SessionDataset, task: Task, length: int) -> LoggedSteps:
    """All steps of a dataset, with windows of that length.

    Raises:
        UsageError: Items on offer without ``item_id``, or ids that are not of the catalogue.
    """
    items = items_of(dataset, task)
    size, width = task.layout.context.size, task.layout.slices["profile"].stop
    windows = [_windows(task, e, shown, length) for e, shown in zip(dataset.episodes, items, strict=True)]
    steps, lengths = dataset.transitions(), dataset.lengths
    profiles = np.stack([episode.observations[0, :width] for episode in dataset.episodes])
    viewers = np.unique(profiles, axis=0, return_inverse=True)[1].reshape(-1)
    asked = Asked(
        context=np.ascontiguousarray(steps.observations[:, :size]),
        item=np.concatenate(items),
        shown=np.concatenate([shown for shown, _ in windows]),
        given=np.concatenate([given for _, given in windows]),
    )
    return LoggedSteps(asked, steps.rewards, steps.terminals, steps.episodes, np.repeat(viewers, lengths))


def items_of(dataset: SessionDataset, task: Task) -> list[Index]:
    """The item indices ``(T,)`` shown in each session."""
    return np.split(items_shown(dataset, task), np.cumsum(dataset.lengths)[:-1])


def _windows(task: Task, episode: Episode, shown: Index, length: int) -> tuple[Index, Array32]:
    steps: Sequence[int] = range(len(shown))
    square = (len(shown), len(shown))
    given = np.broadcast_to(scaled(task, episode.rewards), square)
    return window(np.broadcast_to(shown, square), given, np.asarray(steps, np.int64), length)
