"""Columns of a pandas, polars or arrow table as plain arrays; what cannot be read is named by column and row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data.rules import rows_named
from ilrec_gym.errors import DataError, unknown_name


@dataclass(frozen=True)
class Column:
    """One column, with what is missing marked.

    Attributes:
        table: Which table it is of, for messages.
        name: The column's name.
        values: (N,) int64, float64 or bool, or N Python objects.
        missing: (N,) bool.
    """

    table: str
    name: str
    values: Any
    missing: NDArray[np.bool_]

    def refuse(self, bad: NDArray[np.bool_], rule: str, cause: str, fix: str) -> NoReturn:
        """Raise the error that names the rows which ``bad`` marks."""
        raise DataError(
            f"{rule}: column {self.name!r} of {self.table}",
            received=rows_named(bad, self.values),
            cause=cause,
            fix=fix,
        )


class Table:
    """A table of any of the three libraries.

    Raises:
        DataError: It is something else, or has no rows.
    """

    def __init__(self, frame: Any, name: str) -> None:
        import narwhals.stable.v1 as nw  # here, so that importing ilrec_gym does not load it

        self.name = name
        try:
            self._frame = nw.from_native(frame, eager_only=True)
        except TypeError as error:
            raise DataError(
                f"{name} must be a pandas or polars DataFrame or a pyarrow Table",
                received=type(frame).__name__,
                cause="a path, a lazy frame, or a dictionary of columns",
                fix="read it first, for example with pandas.read_csv(path), or .collect() a lazy frame",
            ) from error
        if not len(self._frame):
            raise DataError(f"{name} must have rows", received="0 rows", cause="an empty file, or a filter too many")

    def __len__(self) -> int:
        return len(self._frame)

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self._frame.columns)

    def find(self, given: str | None, usual: str) -> str | None:
        """The name of a column that need not be there: the one given, or the usual one where the table has it."""
        return self.need(given) if given is not None else usual if usual in self.columns else None

    def need(self, name: str) -> str:
        """The name of a column that has to be there.

        Raises:
            UnknownNameError: It is not.
        """
        if name not in self.columns:
            raise unknown_name(f"a column of {self.name}", name, self.columns)
        return name

    def column(self, name: str) -> Column:
        """A column, read."""
        series = self._frame[self.need(name)]
        missing = np.asarray(series.is_null().to_numpy(), bool)
        if series.dtype.is_integer():
            whole = np.asarray(series.fill_null(0).to_numpy())
            if whole.dtype != np.uint64 or int(whole.max(initial=0)) < 2**63:
                return Column(self.name, name, whole.astype(np.int64), missing)
        if series.dtype.is_float():
            reals = np.asarray(series.to_numpy(), np.float64)
            return Column(self.name, name, reals, missing | np.isnan(reals))
        values = [_plain(value) for value in series.to_list()]
        missing = np.array([gone or _nothing(value) for value, gone in zip(values, missing, strict=True)], bool)
        kinds = {type(value) for value, gone in zip(values, missing, strict=True) if not gone}
        if kinds and kinds <= {bool, int, float}:  # a pandas column of objects that are numbers all the same
            values = [0 if gone else value for value, gone in zip(values, missing, strict=True)]
            return Column(self.name, name, np.array(values, bool if kinds == {bool} else None), missing)
        return Column(self.name, name, values, missing)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return value.tolist() if isinstance(value, np.ndarray) else list(value) if isinstance(value, tuple) else value


def _nothing(value: Any) -> bool:
    return value is None or (not value.strip() if isinstance(value, str) else bool(value != value))
