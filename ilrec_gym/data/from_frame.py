"""Somebody's own tables as an InteractionData. What it takes and promises stands at InteractionData.from_frame."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data import column_values, frames
from ilrec_gym.data.feedback import EXPLICIT, FEEDBACK, IMPLICIT, SIMULATED_SCALE, THUMBS
from ilrec_gym.data.load_report import LoadReport, Notes
from ilrec_gym.data.own_tables import ItemTable, Keys, Names, UserTable, same_kind
from ilrec_gym.data.schema import InteractionData, Interactions
from ilrec_gym.errors import DataError, UsageError, unknown_name

KEEP = ("first", "last")
_log = logging.getLogger(__name__)

Flags = NDArray[np.bool_]


def read(
    interactions: Any,
    items: Any,
    users: Any,
    names: Names,
    name: str,
    feedback: str | None,
    rating_scale: tuple[float, float] | None,
    keep: str | None,
) -> InteractionData:
    """What :meth:`InteractionData.from_frame` does."""
    if keep is not None and keep not in KEEP:
        raise unknown_name("keep", keep, KEEP)
    notes = Notes()
    table = frames.Table(interactions, "interactions")
    user, item = (table.column(table.need(column)) for column in (names.user, names.item))
    feedback, rating, absent = _ratings(table, names, feedback)
    time, undated = _times(table, names)
    user_keys, item_keys = column_values.ids(user), column_values.ids(item)

    item_table, user_table = ItemTable.read(items, names, notes), UserTable.read(users, names, notes)
    reasons = {"without a user": user.missing, "without an item": item.missing, "without a rating": absent}
    if user_table:
        same_kind(user, user_keys, user_table.keys, "users")
    if item_table:
        same_kind(item, item_keys, item_table.keys, "items")
        reasons["whose item is not in the table of items"] = ~_known(item_keys, item_table.keys)
    left = _usable(len(table), reasons, notes)
    user_ids, user_index = _index(user_keys, left, user_table.keys if user_table else None)
    item_ids, item_index = _index(item_keys, left, item_table.keys if item_table else None)
    rating, rating_scale = _scaled(rating, left, feedback, rating_scale)

    chosen = keep or ("first" if feedback == IMPLICIT else "last")
    again = _repeated(user_index, item_index, time, left, chosen)
    twice = f"of a user and an item that come twice (kept: the {chosen} in time)"
    notes.add("interactions", twice, again, dropped=True)
    left &= ~again
    notes.add("interactions", "without a time, kept before those with one", left & undated)

    rows = np.flatnonzero(left)
    rows = rows[np.lexsort((time[rows], user_index[rows]))]  # stable: what is equal stays in the order of the table
    data = InteractionData(
        name=name,
        interactions=Interactions(user_index[rows], item_index[rows], rating[rows], time[rows]),
        items=(item_table or ItemTable.of(item_ids)).items(item_ids),
        users=(user_table or UserTable.of(user_ids)).users(user_ids, notes),
        rating_scale=rating_scale,
        feedback=feedback,
    )
    return _reported(data, len(table), notes)


def _usable(n: int, reasons: Mapping[str, Flags], notes: Notes) -> Flags:
    """Which of n rows are left when those with a reason to drop them are gone; each is noted under its first."""
    left = np.ones(n, bool)
    for reason, found in reasons.items():
        notes.add("interactions", reason, left & found, dropped=True)
        left &= ~found
    if not left.any():
        raise DataError(
            "at least one interaction must be left",
            received="; ".join(map(str, notes.as_tuple())),
            cause="ids that are written in another way in the two tables, or the wrong columns",
            fix="compare the ids of the tables",
        )
    return left


def _ratings(table: frames.Table, names: Names, feedback: str | None) -> tuple[str, NDArray[np.float64], Flags]:
    """The kind of feedback; the ratings, which are 0 or 1 for the ends of the scale; and which are absent."""
    if feedback is not None and feedback not in FEEDBACK:
        raise unknown_name("feedback", feedback, FEEDBACK)
    found = None if feedback == IMPLICIT else table.find(names.rating, "rating")
    if found is None:
        if feedback in (EXPLICIT, THUMBS):
            raise UsageError(
                f"{feedback} feedback needs a column of ratings",
                received=table.columns,
                cause="a column that is called otherwise",
                fix="give its name: rating=...",
            )
        return IMPLICIT, np.ones(len(table)), np.zeros(len(table), bool)
    column = table.column(found)
    truths = isinstance(column.values, np.ndarray) and column.values.dtype == bool
    values = column_values.numbers(column)
    if feedback == EXPLICIT or (feedback is None and not truths):
        return EXPLICIT, values, column.missing
    levels = np.unique(values[~column.missing])
    if len(levels) > 2:
        column.refuse(
            ~np.isin(values, levels[:2]) & ~column.missing,
            "thumbs must have two values",
            "ratings of more than two values",
            "leave feedback at None, or make two values of them first",
        )
    highest = levels[-1] if len(levels) == 2 else levels.max(initial=1)
    up = values > 0 if truths else values == highest
    return THUMBS, up.astype(np.float64), column.missing


def _times(table: frames.Table, names: Names) -> tuple[NDArray[np.int64], Flags]:
    found = table.find(names.timestamp, "timestamp")
    if found is None:
        return np.zeros(len(table), np.int64), np.zeros(len(table), bool)
    column = table.column(found)
    return column_values.seconds(column), column.missing


def _scaled(
    rating: NDArray[np.float64], left: Flags, feedback: str, scale: tuple[float, float] | None
) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Ratings on their scale: that of the rows left where none is given, and the ends of it for 0 and 1."""
    if feedback != EXPLICIT:
        scale = scale or SIMULATED_SCALE
        return np.asarray(scale, np.float64)[rating.astype(int)], scale
    return rating, scale or _range(rating[left])


def _range(rating: NDArray[np.float64]) -> tuple[float, float]:
    low, high = float(rating.min()), float(rating.max())
    if low == high:
        raise DataError(
            "ratings must differ",
            received=f"every rating is {low:g}",
            cause="feedback that only says that something happened",
            fix='pass feedback="implicit", or the whole rating_scale',
        )
    return low, high


def _known(keys: Keys, known: Keys) -> Flags:
    """Which keys are among the known ones, of the same kind."""
    if isinstance(keys, np.ndarray):
        return np.isin(keys, known)
    among = set(known)
    return np.array([key in among for key in keys], bool)


def _index(keys: Keys, left: Flags, others: Keys | None) -> tuple[Keys, NDArray[np.int32]]:
    """All ids in ascending order, those of the other table among them, and the place of each row's; -1 if dropped."""
    index = np.full(len(left), -1, np.int32)
    rows = np.flatnonzero(left)
    if isinstance(keys, np.ndarray):
        ids = np.unique(keys[rows] if others is None else np.concatenate([keys[rows], np.asarray(others, np.int64)]))
        index[rows] = np.searchsorted(ids, keys[rows])
        return ids, index
    labels = sorted({keys[row] for row in rows} | set(others if others is not None else ()))
    place = {label: number for number, label in enumerate(labels)}
    index[rows] = [place[keys[row]] for row in rows]
    return labels, index


def _repeated(
    user: NDArray[np.int32], item: NDArray[np.int32], time: NDArray[np.int64], left: Flags, keep: str
) -> Flags:
    """Rows whose user and item come in another row that is kept."""
    rows = np.flatnonzero(left)
    order = rows[np.lexsort((rows, time[rows], item[rows], user[rows]))]
    same = (user[order][1:] == user[order][:-1]) & (item[order][1:] == item[order][:-1])
    again = np.zeros(len(left), bool)
    again[order[1:][same] if keep == "first" else order[:-1][same]] = True
    return again


def _reported(data: InteractionData, rows: int, notes: Notes) -> InteractionData:
    log, users, items = data.interactions, data.users, data.items
    low, high = data.rating_scale
    share = f", {(log.rating == high).mean():.0%} up" if data.feedback == THUMBS else ""
    simulated = "" if data.feedback == EXPLICIT else " (of the simulated users)"
    strings = [" (string ids)" if table.labels else "" for table in (users, items)]
    summary = {
        "feedback": f"{data.feedback}: {FEEDBACK[data.feedback]}{share}",
        "scale": f"{low:g} to {high:g}{simulated}",
        "users": f"{len(users):,}{strings[0]}, features: {', '.join(users.features) or 'none'}",
        "items": f"{len(items):,}{strings[1]}, {len(items.genre_names)} genres",
        "times": "yes" if data.dated else "none: a user's rows count in the order of the table",
    }
    report = LoadReport(data.name, rows, len(log), summary, notes.as_tuple())
    if report.dropped:
        _log.warning("%s: %d of %d interactions were left out; data.report says why", data.name, report.dropped, rows)
    object.__setattr__(data, "report", report)  # no field that the rules look at
    return data
