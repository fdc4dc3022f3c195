"""What became of the rows of somebody's tables: how many were kept, and which were dropped or changed, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHOWN = 5
"""How many row numbers a message names."""


@dataclass(frozen=True)
class Note:
    """One thing that was found in a table.

    Attributes:
        table: "interactions", "items" or "users".
        what: What was found, and what was done about it.
        count: How many rows it concerns.
        rows: The first of them, counted from 0.
        dropped: Whether those rows were left out.
    """

    table: str
    what: str
    count: int
    rows: tuple[int, ...]
    dropped: bool

    def __str__(self) -> str:
        more = ", …" if self.count > len(self.rows) else ""
        named = f" ({'row' if self.count == 1 else 'rows'} {', '.join(map(str, self.rows))}{more})" if self.rows else ""
        return f"{self.table}: {self.count:,} {self.what}{named}"


@dataclass(frozen=True)
class LoadReport:
    """What :meth:`InteractionData.from_frame` made of the tables that it was given. Print it.

    Attributes:
        name: The data set's name.
        rows: Interactions given.
        kept: Interactions kept.
        summary: What the data is now, as pairs of words and values.
        notes: What was dropped or changed, in the order in which the rules were applied; a row is dropped once.
    """

    name: str
    rows: int
    kept: int
    summary: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()

    @property
    def dropped(self) -> int:
        """Interactions left out."""
        return self.rows - self.kept

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        notes = [vars(note) | {"rows": list(note.rows)} for note in self.notes]
        return vars(self) | {"dropped": self.dropped, "summary": dict(self.summary), "notes": notes}

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.kept:,} of {self.rows:,} interactions kept"]
        lines += [f"  {words:<13} {value}" for words, value in self.summary.items()]
        for title, dropped in (("dropped", True), ("changed", False)):
            lines += [f"  {title:<13} {note}" for note in self.notes if note.dropped is dropped]
        return "\n".join(lines)


class Notes:
    """Collects notes while tables are read."""

    def __init__(self) -> None:
        self._notes: list[Note] = []

    def add(self, table: str, what: str, found: NDArray[np.bool_], *, dropped: bool = False) -> None:
        """Note the rows that ``found`` marks; nothing where there is none."""
        rows = np.flatnonzero(found)
        if len(rows):
            self._notes.append(Note(table, what, len(rows), tuple(rows[:SHOWN].tolist()), dropped))

    def as_tuple(self) -> tuple[Note, ...]:
        """All notes so far."""
        return tuple(self._notes)
