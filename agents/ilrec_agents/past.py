"""The past of running sessions, for agents that read more than the present observation.

``act`` may be called with any sessions at any step. What was observed before is made again from the public history, by
the environment's own observer and retriever; while the same sessions go on it is only added to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Infos, Observations
from ilrec_agents.task import Task
from ilrec_gym.envs.observation import Observer
from ilrec_gym.envs.retriever import Retriever
from ilrec_gym.errors import UsageError
from ilrec_gym.simulation.scenario import Scenario

Rows = NDArray[np.integer]


@dataclass(frozen=True)
class PastSteps:
    """B sessions up to the present, K steps of the longest. Views, to be read before the next :meth:`Past.follow`.

    Attributes:
        observations: ``(B, K, d)`` float32, the present one last at ``lengths - 1``; 0 behind it.
        actions: ``(B, K)`` int64 actions taken; -1 at the present and behind it.
        ratings: ``(B, K)`` float64 ratings given, in rating units; nan at the present and behind it.
        lengths: ``(B,)`` int64 observations so far, the present one included: items shown + 1.
    """

    observations: NDArray[np.float32]
    actions: NDArray[np.int64]
    ratings: NDArray[np.float64]
    lengths: NDArray[np.int64]


class Past:
    """Follows sessions from their public histories.

    Args:
        task: Of the environment that the sessions are of.
    """

    def __init__(self, task: Task) -> None:
        public = cast(Scenario, task)  # the two below read the public half only, and a task has that
        self.task, self.observer = task, Observer(public, task.layout)
        self.retriever = Retriever(public, task.n_candidates) if task.n_candidates else None
        self._known: _Known | None = None

    def follow(self, observations: Observations, infos: Infos) -> PastSteps:
        """The sessions that these infos speak of, from their first observation to the present one.

        Args:
            observations: ``(B, d)`` of the present.
            infos: Of the present, with the part ``history``.

        Raises:
            UsageError: No history in the infos, or one with items that were never on offer.
        """
        if "history_items" not in infos:
            raise UsageError(
                "infos must have the history", received=sorted(infos), fix='ask for it: info=("action_mask", "history")'
            )
        history, shown = infos["history_items"], np.asarray(infos["step"], np.int64)
        if self._known is None or self._known.items.shape != history.shape:
            self._known = _Known.nothing(history.shape, observations.shape[1], self.task.n_candidates)
        known = self._known
        known.ratings[...] = infos["history_ratings"]
        self._begin(known, infos, np.flatnonzero(~known.goes_on(infos)))
        while len(rows := np.flatnonzero(known.steps < shown)):
            self._note(known, rows, history)
            behind = rows[known.steps[rows] < shown[rows]]
            self._make_again(known, behind)
        known.observations[np.arange(len(shown)), shown] = observations
        if self.retriever is not None:
            known.offered[...] = infos["candidates"]
        width = int(shown.max(initial=0)) + 1
        return PastSteps(
            known.observations[:, :width], known.actions[:, :width], known.ratings_to(width), shown + 1
        )  # fmt: skip

    def _begin(self, known: _Known, infos: Infos, rows: Rows) -> None:
        """Start over in these rows, at the first observation of their sessions."""
        if not len(rows):
            return
        known.forget(rows, infos)
        first = np.zeros_like(known.observations[rows, 0])
        self.observer.begin(first, np.arange(len(rows)), known.users[rows])
        self._offer(known, rows, first)
        known.observations[rows, 0] = first

    def _note(self, known: _Known, rows: Rows, history: NDArray[np.integer]) -> None:
        """Take in the next item of these rows, and the action that it was."""
        at = rows, known.steps[rows]
        items = known.items[at] = history[at]
        known.steps[rows] += 1
        if self.retriever is None:
            known.actions[at] = items
            return
        chosen = known.offered[rows] == items[:, None]
        if not chosen.any(axis=1).all():
            raise UsageError(
                "a history must be of items that were on offer",
                received=items[~chosen.any(axis=1)].tolist(),
                cause="infos of another environment",
            )
        known.actions[at] = chosen.argmax(axis=1)

    def _make_again(self, known: _Known, rows: Rows) -> None:
        """The observations after the items taken in last."""
        if not len(rows):
            return
        steps = known.steps[rows]
        buffer, last = known.observations[rows, steps - 1], (rows, steps - 1)
        self.observer.update(buffer, known.items[last], known.ratings[last], steps)
        self._offer(known, rows, buffer)
        known.observations[rows, steps] = buffer

    def _offer(self, known: _Known, rows: Rows, buffer: NDArray[np.float32]) -> None:
        """Let the public retriever offer again what it offered then."""
        if self.retriever is None:
            return
        users = known.users[rows]
        seen = np.concatenate([known.items[rows], self.task.users.profile_items[users]], axis=1)
        offered = self.retriever.offer(users, self.task.layout.part(buffer, "memory_fast"), seen)
        predicted = self.task.public.predict_some(users, offered)
        self.observer.offer(buffer, np.arange(len(rows)), offered, predicted)
        known.offered[rows] = offered


@dataclass
class _Known:
    """What was followed so far; ``steps`` ``(B,)`` items of each session, which ``keys`` ``(3, B)`` name."""

    keys: NDArray[np.int64]
    steps: NDArray[np.int64]
    items: NDArray[np.int64]
    ratings: NDArray[np.float64]
    offered: NDArray[np.int64]
    observations: NDArray[np.float32]
    actions: NDArray[np.int64]

    @classmethod
    def nothing(cls, shape: tuple[int, ...], d: int, n_candidates: int) -> _Known:
        n, horizon = shape
        return cls(
            keys=np.full((3, n), -1),
            steps=np.zeros(n, np.int64),
            items=np.full((n, horizon), -1),
            ratings=np.full((n, horizon), np.nan),
            offered=np.full((n, n_candidates), -1),
            observations=np.zeros((n, horizon + 1, d), np.float32),
            actions=np.full((n, horizon + 1), -1),
        )

    @property
    def users(self) -> NDArray[np.int64]:
        return self.keys[0]

    def goes_on(self, infos: Infos) -> NDArray[np.bool_]:
        """``(B,)`` which rows are the same sessions, no earlier than they are known."""
        past = np.arange(self.items.shape[1]) < self.steps[:, None]
        same = (np.where(past, infos["history_items"], -1) == self.items).all(axis=1)
        going: NDArray[np.bool_] = same & (self.keys == _keys(infos)).all(axis=0)
        return going

    def forget(self, rows: Rows, infos: Infos) -> None:
        """Be at the first step of other sessions in these rows."""
        self.keys[:, rows], self.steps[rows] = _keys(infos)[:, rows], 0
        self.items[rows], self.actions[rows], self.observations[rows] = -1, -1, 0.0

    def ratings_to(self, width: int) -> NDArray[np.float64]:
        """``(B, width)``, with a place for the present."""
        none = np.full((len(self.steps), 1), np.nan)
        return np.concatenate([self.ratings, none], axis=1)[:, :width]


def _keys(infos: Infos) -> NDArray[np.int64]:
    keys: list[Any] = [infos[name] for name in ("user_index", "seed", "session")]
    return np.array(keys, np.int64)
