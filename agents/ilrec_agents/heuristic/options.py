"""What an oracle can show next, most liked first, and the search for what is best now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Infos, allowed
from ilrec_agents.heuristic.twin import Rows, Twin
from ilrec_agents.task import Task
from ilrec_gym.simulation.state import SimulatorState

_STRIDE = 32  # options of a row that are tried before it is asked whether to go on


@dataclass(frozen=True)
class Options:
    """The allowed actions of B sessions and the forbidden ones, by falling true rating; equal ones in their order.

    Attributes:
        actions: ``(B, A)`` actions.
        items: ``(B, A)`` the items they show.
        liked: ``(B, A)`` float64 R(u, i) within the scale.
        open: ``(B, A)`` bool, False for actions that the mask forbids.
    """

    actions: NDArray[np.integer]
    items: NDArray[np.integer]
    liked: NDArray[np.float64]
    open: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.actions)


class OptionsMaker:
    """Makes the options of every step; over the whole catalogue the order of a batch of users is made once."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._users: NDArray[np.integer] = np.array([], np.int64)

    def __call__(self, infos: Infos) -> Options:
        """The options of these sessions now."""
        users = infos["user_index"]
        if self._task.n_candidates:
            liked = np.take_along_axis(self._rated(users), infos["candidates"], axis=1)
            order, liked = _falling(liked)
            items = np.take_along_axis(infos["candidates"], order, axis=1)
        else:
            if not np.array_equal(users, self._users):
                self._users, (self._order, self._liked) = users.copy(), _falling(self._rated(users))
            order, liked, items = self._order, self._liked, self._order
        mask = allowed(infos, (len(users), self._task.n_actions))
        return Options(order, items, liked, np.take_along_axis(mask, order, axis=1))

    def _rated(self, users: NDArray[np.integer]) -> NDArray[np.float64]:
        ratings = self._task.truth.scenario.truth.predict_all(users)
        return np.asarray(np.clip(ratings, *self._task.rating_scale), np.float64)


class Found(NamedTuple):
    """The best options of some rows, best first.

    Attributes:
        places: ``(R, m)`` columns of the options; where fewer are open, what is missing has a score of -inf.
        scores: ``(R, m)`` float64 of each.
        stays: ``(R, m)`` bool, whether the user would stay.
    """

    places: NDArray[np.int64]
    scores: NDArray[np.float64]
    stays: NDArray[np.bool_]


def best_now(twin: Twin, state: SimulatorState, options: Options, rows: Rows, m: int, foresight: float = 1.0) -> Found:
    """The m best options of some rows at this step: first those after which the user stays, then by score.

    score = R(u, i) - foresight (R(u, i) - y): with foresight 1 it is y, the rating that would be given.

    Options are tried by falling R, and a row is done when no later one can be among its m best. That is exact as long
    as no rating exceeds R; where ratings are noisy or interests drift it may miss some.
    """
    found = Found(np.zeros((len(rows), m), np.int64), np.full((len(rows), m), -np.inf), np.zeros((len(rows), m), bool))
    width, going = options.actions.shape[1], np.arange(len(rows))
    for start in range(0, width, _STRIDE):
        places = np.arange(start, min(start + _STRIDE, width))
        _add(found, going, _try(twin, state, options, rows[going], places, foresight), m)
        if places[-1] + 1 < width:
            ahead = options.liked[rows[going], places[-1] + 1]
            going = going[(found.scores[going, -1] < ahead) | ~found.stays[going, -1]]
        if not len(going):
            break
    return found


def _try(twin: Twin, state: SimulatorState, options: Options, rows: Rows, places: Rows, foresight: float) -> Found:
    r, c = np.nonzero(options.open[rows[:, None], places])
    scores, stays = np.full((len(rows), len(places)), -np.inf), np.zeros((len(rows), len(places)), bool)
    row, place = rows[r], places[c]
    rating, stays[r, c] = twin.ratings(state, row, options.items[row, place])
    liked = options.liked[row, place]
    scores[r, c] = liked - foresight * (liked - rating)
    return Found(np.broadcast_to(places, scores.shape), scores, stays)


def _add(found: Found, rows: Rows, new: Found, m: int) -> None:
    """Merge new options into those found, in place; earlier ones win ties."""
    both = Found(*(np.concatenate([old[rows], more], axis=1) for old, more in zip(found, new, strict=True)))
    best = np.lexsort((-both.scores, ~both.stays), axis=1)[:, :m]
    for old, merged in zip(found, both, strict=True):
        old[rows] = np.take_along_axis(merged, best, axis=1)


def _falling(liked: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    order = np.argsort(-liked, axis=1, kind="stable")
    return order, np.take_along_axis(liked, order, axis=1)
