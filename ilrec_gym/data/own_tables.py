"""What somebody's own tables say of items and users."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data import column_values, frames
from ilrec_gym.data.load_report import Notes
from ilrec_gym.data.rules import rows_named
from ilrec_gym.data.schema import Items, Users
from ilrec_gym.errors import DataError

_YEAR_AT_THE_END = re.compile(r"\((\d{4})\)$")
Keys = NDArray[np.int64] | list[str]
"""Ids as the source has them: whole numbers, or strings."""


@dataclass(frozen=True)
class Names:
    """Which columns hold what; None where the usual name decides."""

    user: str = "user_id"
    item: str = "item_id"
    rating: str | None = None
    timestamp: str | None = None
    title: str | None = None
    genres: str | None = None
    year: str | None = None
    genre_separator: str = "|"
    features: Sequence[str] | None = None


def _numbered(keys: Keys) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    if isinstance(keys, np.ndarray):
        return keys, ()
    return np.arange(len(keys)), tuple(keys)


def same_kind(column: frames.Column, keys: Keys, known: Keys, table: str) -> None:
    """The ids of the interactions are of the kind that the other table has: numbers, or strings.

    Raises:
        DataError: They are not.
    """
    if isinstance(keys, np.ndarray) != isinstance(known, np.ndarray) and not column.missing.all():
        row = int(np.argmin(column.missing))
        raise DataError(
            f"ids must be of one kind in the tables of interactions and {table}: column {column.name!r}",
            received=f"{_plain(keys)[row]!r} and {_plain(known)[0]!r}",
            cause="ids that were read as numbers from one file and as text from the other",
            fix="convert the column in one of the tables",
        )


def _read_keys(table: frames.Table, name: str, notes: Notes) -> tuple[Keys, NDArray[np.int64]]:
    """The ids of a table of items or users, each once, and the rows that have one."""
    column = table.column(name)
    keys = _plain(column_values.ids(column))
    notes.add(table.name, "without an id", column.missing, dropped=True)
    rows = np.flatnonzero(~column.missing)
    if not len(rows):
        raise DataError(f"{table.name} must have ids", received=f"{len(table)} rows without one", fix="name the column")
    first = {keys[row]: row for row in reversed(rows)}
    again = ~column.missing & (np.array([first.get(key) for key in keys]) != np.arange(len(table)))
    if again.any():
        raise DataError(
            f"every id must come once: column {name!r} of {table.name}",
            received=rows_named(again, keys),
            cause="a table with one row for each version, or tables that were concatenated",
            fix="keep one row of each id",
        )
    kept = [keys[row] for row in rows]
    return kept if isinstance(kept[0], str) else np.array(kept, np.int64), rows


@dataclass(frozen=True)
class ItemTable:
    """What is known of the items: keys, and for each its title, genres and year."""

    keys: Keys
    titles: list[str]
    genres: list[tuple[str, ...]]
    years: NDArray[np.int16]

    @classmethod
    def of(cls, keys: Keys) -> ItemTable:
        n = len(keys)
        return cls(keys, [""] * n, [()] * n, np.zeros(n, np.int16))

    @classmethod
    def read(cls, frame: Any, names: Names, notes: Notes) -> ItemTable | None:
        if frame is None:
            return None
        table = frames.Table(frame, "items")
        keys, rows = _read_keys(table, table.need(names.item), notes)
        title, genres = table.find(names.title, "title"), table.find(names.genres, "genres")
        year = table.find(names.year, "year")
        n = len(table)
        titles = column_values.texts(table.column(title)) if title else [""] * n
        sets = column_values.sets_of_names(table.column(genres), names.genre_separator) if genres else [()] * n
        years = column_values.years(table.column(year)) if year else np.array([_year_of(t) for t in titles], np.int16)
        named = np.zeros(n, bool)
        named[rows] = True
        if title:
            notes.add("items", "without a title, called by their ids", named & np.array([not t for t in titles], bool))
        if year:
            notes.add("items", "without a year that can be read", named & (years == 0))
        return cls(keys, [titles[row] for row in rows], [sets[row] for row in rows], years[rows])

    def items(self, ids: Keys) -> Items:
        """The items with these ids, which are those of the table in ascending order."""
        keys = _plain(self.keys)
        order = sorted(range(len(keys)), key=keys.__getitem__)
        numbers, labels = _numbered(ids)
        names = sorted({name for genres in self.genres for name in genres})
        column = {name: place for place, name in enumerate(names)}
        table = np.zeros((len(order), len(names)), bool)
        for row, place in enumerate(order):
            table[row, [column[name] for name in self.genres[place]]] = True
        years = self.years[order]
        titles = [self.titles[place] or f"item {key}" for place, key in zip(order, ids, strict=True)]
        return Items(
            id=numbers,
            title=tuple(_with_year(title, int(year)) for title, year in zip(titles, years, strict=True)),
            year=years,
            genres=table,
            genre_names=tuple(names),
            labels=labels,
        )


@dataclass(frozen=True)
class UserTable:
    """What is known of the users: keys, and for each the features."""

    keys: Keys
    features: dict[str, NDArray[np.generic]]

    @classmethod
    def of(cls, keys: Keys) -> UserTable:
        return cls(keys, {})

    @classmethod
    def read(cls, frame: Any, names: Names, notes: Notes) -> UserTable | None:
        if frame is None:
            return None
        table = frames.Table(frame, "users")
        keys, rows = _read_keys(table, table.need(names.user), notes)
        chosen = [column for column in table.columns if column != names.user]
        chosen = chosen if names.features is None else [table.need(column) for column in names.features]
        return cls(keys, {column: column_values.feature(table.column(column))[rows] for column in chosen})

    def users(self, ids: Keys, notes: Notes) -> Users:
        """The users with these ids; features of those who are not in the table are nan or ""."""
        place = {key: row for row, key in enumerate(_plain(self.keys))}
        rows = np.array([place.get(key, -1) for key in _plain(ids)])
        if self.features:
            notes.add("users", "in the interactions only, without features", rows < 0)
        numbers, labels = _numbered(ids)
        return Users(numbers, {name: _taken(values, rows) for name, values in self.features.items()}, labels)


def _plain(keys: Keys) -> list[Any]:
    return keys.tolist() if isinstance(keys, np.ndarray) else keys


def _taken(values: NDArray[np.generic], rows: NDArray[np.int64]) -> NDArray[np.generic]:
    if (rows >= 0).all():
        return values[rows]
    unknown = "" if values.dtype.kind == "U" else np.nan
    return np.where(rows >= 0, values[rows], unknown)


def _year_of(title: str) -> int:
    found = _YEAR_AT_THE_END.search(title)
    return int(found[1]) if found and 1000 <= int(found[1]) < 2100 else 0


def _with_year(title: str, year: int) -> str:
    return f"{title} ({year})" if year and not _YEAR_AT_THE_END.search(title) else title
