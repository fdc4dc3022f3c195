"""The part of a rating log that a scenario can play: the ratings of its catalogue, with the sessions they belong to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data.log_sessions import GAP, log_sessions, places
from ilrec_gym.data.schema import InteractionData
from ilrec_gym.errors import DataError
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
        place: ``(N,)`` the number of each among the user's rows, from 0.
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
