"""Real sessions as rows of a hazard: for every logged rating, the covariates, and whether the user left after it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data.log_sessions import GAP, Runs, log_sessions, places
from ilrec_gym.data.schema import InteractionData
from ilrec_gym.errors import DataError
from ilrec_gym.simulation.hazard import LAM, covariates, recent_after, surprise_of
from ilrec_gym.simulation.satiation import remember
from ilrec_gym.simulation.scenario import Scenario

Index = NDArray[np.int64]


@dataclass(frozen=True)
class LoggedItems:
    """The part of a log that a scenario can play, in the order of the log.

    Attributes:
        user: ``(N,)`` user indices of the scenario.
        item: ``(N,)`` item indices of the scenario.
        rating: ``(N,)`` float64.
        timestamp: ``(N,)`` int64, seconds since 1970.
        session: ``(N,)`` numbers of sessions, cut by the pauses in the whole log.
        left: ``(N,)`` bool, whether the user is known to have left after the row.
        place: ``(N,)`` the how-manieth of the user's rows each is, from 0.
    """

    user: Index
    item: Index
    rating: NDArray[np.float64]
    timestamp: Index
    session: Index
    left: NDArray[np.bool_]
    place: Index

    def __len__(self) -> int:
        return len(self.user)

    def __getitem__(self, rows: NDArray[np.bool_] | Index) -> LoggedItems:
        return LoggedItems(**{name: values[rows] for name, values in vars(self).items()})


def logged_items(
    data: InteractionData, scenario: Scenario, gap: float | None = GAP, log_end: str = "data"
) -> LoggedItems:
    """The ratings of a scenario's catalogue, with the sessions that they belong to.

    A user who left after a session whose last rating is of an item outside the catalogue left after its last rating
    of one inside.

    Args:
        data: The data set that the scenario was made from.
        scenario: Which items and users.
        gap: As in :func:`~ilrec_gym.data.log_sessions.log_sessions`.
        log_end: As there.

    Raises:
        DataError: Another data set than the scenario's.
    """
    log, sessions = data.interactions, log_sessions(data.interactions, gap, log_end)
    users, items = scenario.users.ids, scenario.catalogue.ids
    kept = np.isin(data.items.id[log.item], items) & np.isin(data.users.id[log.user], users)
    user_order, item_order = np.argsort(users), np.argsort(items)
    user = user_order[np.searchsorted(users, data.users.id[log.user[kept]], sorter=user_order)]
    item = item_order[np.searchsorted(items, data.items.id[log.item[kept]], sorter=item_order)]
    number = sessions.number[kept]
    last = np.append(number[1:] != number[:-1], True)
    found = LoggedItems(
        user, item, log.rating[kept], log.timestamp[kept], number, last & sessions.left[number], places(user)
    )
    _check(found, scenario)
    return found


@dataclass(frozen=True)
class HazardRows:
    """Steps at which users were there, and what happened next.

    Attributes:
        x: ``(N, 5)`` covariates.
        left: ``(N,)`` bool, whether the user left after the step.
        user: ``(N,)`` user indices.
        step: ``(N,)`` t, from 1.
    """

    x: NDArray[np.float64]
    left: NDArray[np.bool_]
    user: Index
    step: Index

    def __len__(self) -> int:
        return len(self.left)

    def __getitem__(self, rows: NDArray[np.bool_]) -> HazardRows:
        return HazardRows(**{name: values[rows] for name, values in vars(self).items()})


def hazard_rows(logged: LoggedItems, scenario: Scenario) -> HazardRows:
    """The covariates of every logged rating after the profile, by the functions that the simulator uses.

    A session's step count and memory begin where the session really began, also where that is within the profile;
    ratings of the profile are not rows, because everybody in MovieLens has rated at least 20 films: nobody could leave.

    Args:
        logged: Real sessions.
        scenario: For content vectors, aspirations and the rating scale.
    """
    vectors, half = scenario.catalogue.vectors, scenario.world.half
    runs = Runs.of(logged.session).longest_first()
    memory, recent = np.zeros((len(runs.start), vectors.shape[1])), np.zeros(len(runs.start))
    x, step = np.empty((len(logged), 5)), np.empty(len(logged), np.int64)
    for t, rows in enumerate(runs.lockstep(), start=1):
        n, shown = len(rows), vectors[logged.item[rows]]
        surprise = surprise_of(logged.rating[rows], scenario.aspiration[logged.user[rows]], half)
        similarity = np.vecdot(shown, memory[:n])
        step[rows] = t
        x[rows] = covariates(surprise, recent[:n], similarity, step[rows])
        recent[:n], memory[:n] = recent_after(recent[:n], surprise), remember(memory[:n], shown, LAM)
    played = logged.place >= scenario.users.profile_items.shape[1]
    return HazardRows(x, logged.left, logged.user, step)[played]


def _check(logged: LoggedItems, scenario: Scenario) -> None:
    """The first rows of each user are the profile that the scenario knows."""
    profile = scenario.users.profile_items
    expected = np.full_like(profile, -1)
    first = logged.place < profile.shape[1]
    expected[logged.user[first], logged.place[first]] = logged.item[first]
    if not np.array_equal(expected, profile):
        raise DataError(
            "the log must be of the data set that the scenario was made from",
            received=f"profiles differ for {int((expected != profile).any(axis=1).sum())} of {len(profile)} users",
            cause="another data set or another version of it",
        )
