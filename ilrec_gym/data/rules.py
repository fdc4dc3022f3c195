"""The rules of the schema, each a function that returns or raises a DataError naming the first offenders."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.errors import DataError

_SHOWN = 5
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


def freeze(owner: object, *, axes: int = 1, **dtypes: type[np.generic]) -> None:
    """Check number of axes and dtype of the owner's arrays, and put read-only views in their place."""
    for name, dtype in dtypes.items():
        array = getattr(owner, name)
        where = f"{type(owner).__name__}.{name}"
        if not isinstance(array, np.ndarray) or array.ndim != axes or array.dtype != np.dtype(dtype):
            shape = getattr(array, "shape", None)
            raise DataError(
                f"{where} must be an array of {np.dtype(dtype)} with {axes} {'axis' if axes == 1 else 'axes'}",
                received=f"{type(array).__name__}, dtype {getattr(array, 'dtype', None)}, shape {shape}",
                cause="a column that was not converted",
                fix=f"pass numpy.asarray(values, dtype=numpy.{np.dtype(dtype)})",
            )
        object.__setattr__(owner, name, _read_only(array))


def same_length(owner: object, *names: str) -> None:
    """All named columns have as many rows."""
    lengths = {name: len(getattr(owner, name)) for name in names}
    if len(set(lengths.values())) > 1:
        raise DataError(
            f"the columns of {type(owner).__name__} must have the same length",
            received=lengths,
            cause="columns taken from different tables, or one of them filtered",
            fix="filter all columns with the same rows",
        )


def not_empty(rows: Sequence[Any] | NDArray[Any], what: str) -> None:
    """There is at least one row."""
    if len(rows) == 0:
        raise DataError(
            f"there must be at least one row of {what}",
            received="0 rows",
            cause="an empty file, or a filter that nothing passes",
            fix="look at the source, or filter less",
        )


def finite(rating: NDArray[np.float64]) -> None:
    """No rating is NaN or infinite."""
    bad = ~np.isfinite(rating)
    if bad.any():
        raise DataError(
            "every rating must be a finite number",
            received=rows_named(bad, rating),
            cause="missing values in the source",
            fix="drop the rows without a rating",
        )


def sorted_by_user_and_time(user: NDArray[np.int32], timestamp: NDArray[np.int64]) -> None:
    """Rows stand by user, and by time within a user."""
    earlier = (user[1:] == user[:-1]) & (timestamp[1:] < timestamp[:-1])
    bad = np.concatenate([[False], (user[1:] < user[:-1]) | earlier])
    if bad.any():
        raise DataError(
            "ratings must be sorted by user and then by time",
            received=f"out of order at {rows_named(bad, user, timestamp)} (user, timestamp)",
            cause="rows in the order of the source file",
            fix="reorder all columns with numpy.lexsort((timestamp, user))",
        )


def indices_within(index: NDArray[np.int32], size: int, what: str) -> None:
    """Every index names a row of its table."""
    bad = (index < 0) | (index >= size)
    if bad.any():
        raise DataError(
            f"every {what} index must lie in 0..{size - 1}",
            received=rows_named(bad, index),
            cause=f"{what} ids given in place of indices, or a table that was filtered alone",
            fix=f"map the ids to positions in the {what} table",
        )


def scale(value: tuple[float, float]) -> tuple[float, float]:
    """The rating scale as two finite floats, the lower one first."""
    try:
        low, high = (float(bound) for bound in value)
    except (TypeError, ValueError):
        low, high = np.nan, np.nan
    if not (np.isfinite([low, high]).all() and low < high):
        raise DataError(
            "rating_scale must be two finite numbers, the lower one first",
            received=value,
            fix="give the lowest and the highest rating that a user can give, e.g. (1, 5)",
        )
    return low, high


def on_scale(rating: NDArray[np.float64], bounds: tuple[float, float]) -> None:
    """Every rating lies within the scale."""
    low, high = bounds
    bad = (rating < low) | (rating > high)
    if bad.any():
        raise DataError(
            f"every rating must lie on the scale {low:g} to {high:g}",
            received=rows_named(bad, rating),
            cause="a damaged row, or a data set with another scale",
            fix="correct the rows, or give the scale that the data really has",
        )


def one_rating_per_pair(user: NDArray[np.int32], item: NDArray[np.int32], n_items: int) -> None:
    """No user rated the same item twice."""
    key = user.astype(np.int64) * n_items + item
    ordered = np.sort(key)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(twice):
        raise DataError(
            "a user must rate an item once",
            received=rows_named(np.isin(key, twice), user, item) + " (user index, item index)",
            cause="a file that was concatenated with itself, or a log of repeated visits",
            fix="keep one row of each user and item, the last one usually",
        )


def unique(ids: NDArray[np.int64], what: str) -> None:
    """Every id comes once."""
    values, first = np.unique(ids, return_index=True)
    if len(values) < len(ids):
        repeated = np.ones(len(ids), dtype=bool)
        repeated[first] = False
        raise DataError(
            f"every {what} id must come once",
            received=f"seen before: {rows_named(repeated, ids)}",
            cause="tables that were concatenated",
            fix=f"keep one row of each {what}",
        )


def labels(values: tuple[str, ...], length: int, what: str) -> tuple[str, ...]:
    """The source's own ids, where they are strings: one for each row, each once and on one line; or none at all."""
    values = tuple(values)
    lines = all(isinstance(value, str) and value and "\n" not in value for value in values)
    if values and (len(values) != length or len(set(values)) < length or not lines):
        raise DataError(
            f"the labels of {what}s must be {length} different strings on one line, or none",
            received=f"{len(values)} labels, {len(set(values))} different: {values[:_SHOWN]}",
            cause="a table that was filtered alone, or ids that are no strings",
            fix=f"give one label for each {what}",
        )
    return values


def file_name(name: str) -> str:
    """A name that can be part of a file's name, which is where it ends up in the cache."""
    if not isinstance(name, str) or not _FILE_NAME.fullmatch(name):
        raise DataError(
            "the name of a data set must be 1 to 64 letters, digits, dots, dashes or underscores",
            received=name,
            fix='give a name such as "my-shop"',
        )
    return name


def titles_are_lines(titles: tuple[str, ...]) -> None:
    """Every title is a string of one line with something in it."""
    bad = [i for i, title in enumerate(titles) if not isinstance(title, str) or not title.strip() or "\n" in title]
    if bad:
        raise DataError(
            "every title must be a non-empty string on one line",
            received=", ".join(f"row {i}: {titles[i]!r}" for i in bad[:_SHOWN]) + _more(len(bad)),
            cause="missing titles in the source",
            fix="give those items a title, or leave them out",
        )


def genres_are_named(genres: NDArray[np.bool_], names: tuple[str, ...]) -> None:
    """One name for each genre column, each once."""
    if genres.shape[1] != len(names) or len(set(names)) < len(names):
        raise DataError(
            "genre_names must give every column of genres its own name",
            received=f"{genres.shape[1]} columns, names {names}",
            fix="pass one name per column",
        )


def features(values: Mapping[str, NDArray[Any]], length: int) -> dict[str, NDArray[Any]]:
    """The user features as read-only arrays, one row per user."""
    for name, array in values.items():
        if not isinstance(array, np.ndarray) or array.ndim < 1 or len(array) != length or array.dtype.hasobject:
            raise DataError(
                f"the user feature {name!r} must be an array of numbers or strings with {length} rows",
                received=f"{type(array).__name__}, dtype {getattr(array, 'dtype', None)}, shape {np.shape(array)}",
                cause="a column of Python objects, or a table that was filtered alone",
                fix="convert it with numpy.asarray(values), one value per user",
            )
    return {name: _read_only(array) for name, array in values.items()}


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view


def rows_named(bad: NDArray[np.bool_], *columns: Sequence[Any] | NDArray[Any]) -> str:
    """The first rows that ``bad`` marks, with their values, for messages."""
    found = np.flatnonzero(bad)
    shown = [f"row {i}: " + ", ".join(str(column[i]) for column in columns) for i in found[:_SHOWN]]
    return "; ".join(shown) + _more(len(found))


def _more(count: int) -> str:
    return f" and {count - _SHOWN:,} more" if count > _SHOWN else ""
