"""What each row of a batch read and wrote in one step: for traces, and for counting tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.llm.backend import Context, Reader
from ilrec_agents.llm.grounding.trie import Nodes, Tokens, Trie


class Tape:
    """Notes of B rows.

    Attributes:
        read: Tokens read, in order, for each row; those of tries aside.
        written: Texts written, in order, for each row.
        tries: ``(B,)`` tokens of tries read.
    """

    def __init__(self, n_rows: int) -> None:
        self.read: list[list[int]] = [[] for _ in range(n_rows)]
        self.written: list[list[Tokens]] = [[] for _ in range(n_rows)]
        self.tries = np.zeros(n_rows, np.int64)


class Taped:
    """A context whose rows are rows of a tape.

    Args:
        context: What is read and written.
        tape: Where it is noted.
        rows: The row of the tape of each of its rows.
    """

    def __init__(self, context: Context, tape: Tape, rows: Sequence[int]) -> None:
        self.inner, self._tape, self._rows = context, tape, list(rows)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.inner.rows

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row."""
        return self.inner.lengths

    def append(self, texts: Sequence[Tokens]) -> None:
        """Read a piece of text per row."""
        if any(texts):
            self.inner.append(texts)
        for row, text in zip(self._rows, texts, strict=True):
            self._tape.read[row] += text

    def write(self, limit: int, stop: frozenset[int]) -> list[Tokens]:
        """Continue every row greedily."""
        written = self.inner.write(limit, stop)
        for row, text in zip(self._rows, written, strict=True):
            self._tape.written[row].append(text)
        return written

    def reader(self, tries: Sequence[Trie]) -> Reader:
        """For the log-probabilities of a trie per row."""
        return _TapedReader(self.inner.reader(tries), self._tape, self._rows)

    def mark(self) -> Any:
        """The present place."""
        return self.inner.mark()

    def rewind(self, mark: Any) -> None:
        """Forget what came after the mark; the tape keeps it."""
        self.inner.rewind(mark)

    def select(self, rows: Sequence[int]) -> Self:
        """A context of these rows."""
        return type(self)(self.inner.select(rows), self._tape, [self._rows[row] for row in rows])

    def joined(self, other: Self) -> Self:
        """This context's rows, then the other's, on one tape."""
        return type(self)(self.inner.joined(other.inner), self._tape, [*self._rows, *other._rows])


class _TapedReader:
    def __init__(self, reader: Reader, tape: Tape, rows: Sequence[int]) -> None:
        self._reader, self._tape, self._rows = reader, tape, list(rows)

    @property
    def read(self) -> NDArray[np.int64]:
        return self._reader.read

    @read.setter
    def read(self, value: NDArray[np.int64]) -> None:
        self._reader.read = value

    def of(self, nodes: Sequence[Nodes]) -> list[NDArray[np.float64]]:
        before = self._reader.read.copy()
        found = self._reader.of(nodes)
        np.add.at(self._tape.tries, self._rows, self._reader.read - before)
        return found
