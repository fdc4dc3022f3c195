"""What a column of somebody's table says: ids, numbers, times, texts, years, sets of names, features."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data.frames import Column

_FAR = 100_000_000_000  # seconds: the year 5138; larger numbers are milliseconds or finer
_YEAR = re.compile(r"(?<!\d)(1[0-9]{3}|20[0-9]{2})(?!\d)")


def ids(column: Column) -> NDArray[np.int64] | list[str]:
    """Ids as the source has them: all whole numbers, or all strings; what is missing is 0 or "".

    Raises:
        DataError: They are neither, or a string has several lines.
    """
    values, there = column.values, ~column.missing
    if isinstance(values, np.ndarray) and values.dtype != bool:
        whole = np.where(there, values, 0)
        bad = whole != np.floor(whole)
        if values.dtype.kind == "f":
            bad |= np.abs(whole) > 2.0**53
        if bad.any():
            column.refuse(bad, "ids must be whole numbers or strings", "a column of measurements", "name the id column")
        return np.asarray(whole, np.int64)
    texts = [value if isinstance(value, str) and ok else "" for value, ok in zip(values, there, strict=True)]
    bad = np.array([ok and (not text or "\n" in text) for text, ok in zip(texts, there, strict=True)], bool)
    if bad.any():
        column.refuse(
            bad,
            "ids must be all whole numbers or all strings of one line",
            "a column of mixed types",
            "convert it to strings",
        )
    return texts


def numbers(column: Column) -> NDArray[np.float64]:
    """Numbers, nan where missing.

    Raises:
        DataError: A value is none, or is infinite.
    """
    if not isinstance(column.values, np.ndarray):
        bad = np.array([not isinstance(value, int | float) for value in column.values], bool) & ~column.missing
        column.refuse(bad if bad.any() else ~column.missing, "values must be numbers", "text", "convert the column")
    values = np.where(column.missing, np.nan, np.asarray(column.values, np.float64))
    if np.isinf(values).any():
        column.refuse(np.isinf(values), "values must be finite", "a division by zero", "correct or drop the rows")
    return values


def seconds(column: Column) -> NDArray[np.int64]:
    """Times as seconds since 1970, 0 where missing. Takes dates, datetimes, ISO 8601 strings, and numbers of seconds.

    A time without a zone counts as UTC; below a second is cut off.

    Raises:
        DataError: A value is none of these, lies before 1970, or is a number in milliseconds or finer.
    """
    values, there = column.values, ~column.missing
    if isinstance(values, np.ndarray):
        if values.dtype == bool:
            column.refuse(there, "times must be dates, ISO 8601 strings or seconds", "another column", "name the time")
        found = np.where(there, values, 0)
        if np.abs(found).max(initial=0) > _FAR:
            column.refuse(
                np.abs(found) > _FAR, "times must be seconds since 1970", "milliseconds or finer", "divide the column"
            )
        found = np.floor(found).astype(np.int64)
    else:
        read = [_moment(value) if ok else 0 for value, ok in zip(values, there, strict=True)]
        bad = np.array([value is None for value in read], bool)
        if bad.any():
            column.refuse(
                bad,
                "times must be dates, ISO 8601 strings or seconds",
                "another way of writing dates",
                "convert the column to datetimes first",
            )
        found = np.array(read, np.int64)
    if (found < 0).any():
        column.refuse(found < 0, "times must be 1970 or later", "a placeholder for unknown", "make them missing")
    return found


def texts(column: Column) -> list[str]:
    """Text on one line, surplus spaces gone, "" where missing."""
    return [
        "" if gone else " ".join(str(value).split())
        for value, gone in zip(_listed(column.values), column.missing, strict=True)
    ]


def years(column: Column) -> NDArray[np.int16]:
    """Years out of numbers, dates, or text with a year in it ("2018-01-04", "June 2009"); 0 where there is none."""
    found = [0 if gone else _year(v) for v, gone in zip(_listed(column.values), column.missing, strict=True)]
    return np.array(found, np.int16)


def sets_of_names(column: Column, separator: str) -> list[tuple[str, ...]]:
    """Names per row out of a column of lists, or of strings with a separator.

    Raises:
        DataError: A value is neither.
    """
    values, there = _listed(column.values), ~column.missing
    bad = np.array([ok and not isinstance(value, str | list) for value, ok in zip(values, there, strict=True)], bool)
    if bad.any():
        rule = f"values must be lists of names, or strings with {separator!r} between names"
        column.refuse(bad, rule, "another column", "name the right column")
    parts = [
        () if not ok else value.split(separator) if isinstance(value, str) else value
        for value, ok in zip(values, there, strict=True)
    ]
    lines = [[" ".join(str(name).split()) for name in names if name is not None] for names in parts]
    return [tuple(dict.fromkeys(name for name in names if name)) for names in lines]


def feature(column: Column) -> NDArray[np.generic]:
    """A user feature as an array of numbers or strings; what is missing is nan or "".

    Raises:
        DataError: The column holds lists or other objects.
    """
    if isinstance(column.values, np.ndarray):
        return numbers(column) if column.missing.any() else column.values
    plain = (str, bool, int, float, date)
    bad = np.array([not isinstance(value, plain) for value in column.values], bool) & ~column.missing
    if bad.any():
        column.refuse(bad, "a user feature must hold numbers or strings", "a column of lists", "leave it out")
    return np.array(texts(column), np.str_)


def _listed(values: Any) -> Sequence[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else values


def _moment(value: Any) -> int | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, datetime):
        value = value if value.tzinfo else value.replace(tzinfo=UTC)
        return int(value.timestamp() // 1)
    return (
        int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()) if isinstance(value, date) else None
    )


def _year(value: Any) -> int:
    if isinstance(value, date):
        return value.year
    if isinstance(value, float):
        value = int(value)
    found = _YEAR.search(str(value))
    return int(found[1]) if found else 0
