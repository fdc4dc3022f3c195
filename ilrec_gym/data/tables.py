"""Text files of a data set as columns; a wrong line is named by file and number."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.errors import DataError

RATING = np.dtype([("user", np.int64), ("item", np.int64), ("rating", np.float64), ("timestamp", np.int64)])
_EXPECTED = "user id, movie id, rating, timestamp"


def ratings(content: bytes, file: str, separator: bytes, *, header: str = "") -> NDArray[np.void]:
    """Parse a file of ratings, one on a line.

    Args:
        content: The whole file.
        file: Its name, for messages.
        separator: What stands between the four fields.
        header: The first line, where the file has one.

    Returns:
        (N,) records of dtype ``RATING``, in the order of the file.

    Raises:
        DataError: A line has another form, or there are no ratings.
    """
    content = content.replace(b"\r\n", b"\n")
    if header:
        first, _, content = content.partition(b"\n")
        check_header(first.decode("utf-8", "replace"), file, header)
    skipped = 1 if header else 0
    if not content.strip():
        raise DataError(
            f"{file} must hold ratings",
            received="no rows",
            cause="an empty or truncated file",
            fix="get the archive again",
        )
    plain = content if len(separator) == 1 else content.replace(separator, b"\t")
    delimiter = separator.decode() if len(separator) == 1 else "\t"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy would only warn of an integer written as 3.5
            rows = np.loadtxt(io.BytesIO(plain), dtype=RATING, delimiter=delimiter, comments=None, ndmin=1)
    except (ValueError, OverflowError, Warning) as error:
        _blame(content, file, separator, skipped, error)
    if len(rows) != content.count(b"\n") + (not content.endswith(b"\n")):
        _blame(content, file, separator, skipped, "an empty line")
    return rows


def check_ratings(rows: NDArray[np.void], file: str, scale: tuple[float, float], *, header: bool = False) -> None:
    """Every rating lies on the scale.

    Raises:
        DataError: One does not; the first one's line is named.
    """
    low, high = scale
    bad = ~((rows["rating"] >= low) & (rows["rating"] <= high))  # so that NaN counts as bad
    if bad.any():
        first = int(np.argmax(bad))
        raise DataError(
            f"every rating must lie on the scale {low:g} to {high:g}: {file}, line {first + 1 + header}",
            received=f"{rows['rating'][first]:g} (and {int(bad.sum()) - 1:,} more)",
            cause="a damaged row, or the file of another data set",
            fix="get the archive again",
        )


def positions(
    ids: NDArray[np.int64], table: NDArray[np.int64], file: str, what: str, table_file: str, *, header: bool = False
) -> NDArray[np.int32]:
    """The place in ``table`` of every id.

    Args:
        ids: (N,) ids, in the order of the file's lines.
        table: The known ids, each once.
        file: Where the ids come from, for messages.
        what: "movie" or "user".
        table_file: Where the known ids come from.
        header: Whether the file's first line is a header.

    Raises:
        DataError: An id is not in the table; the first one's line is named.
    """
    order = np.argsort(table)
    place = order[np.minimum(np.searchsorted(table, ids, sorter=order), len(table) - 1)]
    bad = table[place] != ids
    if bad.any():
        first = int(np.argmax(bad))
        raise DataError(
            f"every rating must name a {what} of {table_file}: {file}, line {first + 1 + header}",
            received=f"{what} {ids[first]} (and {int(bad.sum()) - 1:,} more)",
            cause="files of different data sets, or a truncated one",
            fix="use the files of one archive",
        )
    return place.astype(np.int32)


def records(
    content: bytes, file: str, separator: str, fields: int, *, encoding: str
) -> Iterator[tuple[int, list[str]]]:
    """The lines of a file that has no quoting, split into fields, with their numbers from 1.

    Raises:
        DataError: A line has another number of fields, or the encoding is another.
    """
    text = decoded(content, file, encoding)
    for number, line in enumerate(text.replace("\r\n", "\n").removesuffix("\n").split("\n"), 1):
        parts = line.split(separator)
        if len(parts) != fields:
            wrong_line(file, number, f"{fields} fields separated by {separator!r}", line)
        yield number, parts


def whole_number(text: str, file: str, number: int, what: str) -> int:
    """The integer that a field holds.

    Raises:
        DataError: It holds none.
    """
    try:
        return int(text)
    except ValueError:
        wrong_line(file, number, f"a whole number as {what}", text)


def decoded(content: bytes, file: str, encoding: str) -> str:
    """The text of a file.

    Raises:
        DataError: The bytes are not of this encoding.
    """
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        wrong_line(file, number, f"text in {encoding}", content[max(0, error.start - 20) : error.start + 20])


def check_header(received: str, file: str, expected: str) -> None:
    """The first line is the header that it should be.

    Raises:
        DataError: It is another.
    """
    if received.strip().removeprefix("\ufeff") != expected:
        wrong_line(file, 1, f"the header {expected!r}", received)


def wrong_line(file: str, number: int, expected: str, received: object) -> NoReturn:
    """Raise the error for a line that has another form."""
    raise DataError(
        f"{file}, line {number} must be {expected}",
        received=received,
        cause="a damaged or truncated file, or the file of another data set",
        fix="get the archive again",
    )


def _blame(content: bytes, file: str, separator: bytes, skipped: int, reason: object) -> NoReturn:
    parse: tuple[Callable[[Any], Any], ...] = (int, int, float, int)
    for number, line in enumerate(content.removesuffix(b"\n").split(b"\n"), 1 + skipped):
        fields = line.split(separator)
        try:
            for convert, value in zip(parse, fields, strict=True):
                convert(value)
        except ValueError:
            expected = f"{_EXPECTED}, separated by {separator.decode()!r}"
            wrong_line(file, number, expected, line.decode("utf-8", "replace"))
    raise DataError(f"{file} must hold on every line: {_EXPECTED}", received=str(reason), fix="get the archive again")
