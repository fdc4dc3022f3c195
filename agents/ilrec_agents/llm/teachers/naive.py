"""The plain way to the same choices: nothing is kept, and every session reads its whole prompt for every answer.

Put around a back-end it gives the texts and choices that lock-step with kept contexts must give, and the time that
they are compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.llm.backend import Backend, Context, Reader
from ilrec_agents.llm.grounding.trie import Nodes, Tokens, Trie


class NaiveBackend:
    """A back-end whose contexts keep nothing but the text. Everything else is the other back-end's.

    Args:
        backend: The model.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def open(self, text: str) -> NaiveContext:
        """A text of one row; it is read when something is asked."""
        length = int(self._backend.open(text).lengths[0])
        return NaiveContext(lambda: self._backend.open(text), length, [()])


class NaiveContext:
    """B texts. Whatever is asked, each is read from its beginning, alone.

    Args:
        opened: Reads the beginning of all texts.
        length: Tokens of that.
        texts: What follows it in each row.
    """

    def __init__(self, opened: Callable[[], Context], length: int, texts: Sequence[Tokens]) -> None:
        self._opened, self._length, self._texts = opened, length, list(texts)

    @property
    def rows(self) -> int:
        """B."""
        return len(self._texts)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text."""
        return np.array([self._length + len(text) for text in self._texts], np.int64)

    def append(self, texts: Sequence[Tokens]) -> None:
        """Add a piece of text per row."""
        self._texts = [(*old, *new) for old, new in zip(self._texts, texts, strict=True)]

    def write(self, limit: int, stop: frozenset[int]) -> list[Tokens]:
        """Continue every row, one after another."""
        written = [self._alone(row).write(limit, stop)[0] for row in range(self.rows)]
        self.append(written)
        return written

    def reader(self, tries: Sequence[Trie]) -> Reader:
        """Tries read on top of each row, alone; the text is read anew each time."""
        return _NaiveReader(self._alone, tries)

    def mark(self) -> list[Tokens]:
        """The present texts."""
        return list(self._texts)

    def rewind(self, mark: list[Tokens]) -> None:
        """Forget what came after the mark."""
        self._texts = list(mark)

    def select(self, rows: Sequence[int]) -> Self:
        """A context of these rows."""
        return type(self)(self._opened, self._length, [self._texts[row] for row in rows])

    def joined(self, other: Self) -> Self:
        """This context's rows, then the other's."""
        return type(self)(self._opened, self._length, [*self._texts, *other._texts])

    def _alone(self, row: int) -> Context:
        context = self._opened()
        context.append([self._texts[row]])
        return context


class _NaiveReader:
    def __init__(self, alone: Callable[[int], Context], tries: Sequence[Trie]) -> None:
        self._alone, self._tries = alone, tries
        self.read = np.zeros(len(tries), np.int64)

    def of(self, nodes: Sequence[Nodes]) -> list[NDArray[np.float64]]:
        found = []
        for row, (trie, mine) in enumerate(zip(self._tries, nodes, strict=True)):
            reader = self._alone(row).reader([trie])
            found += reader.of([mine])
            self.read[row] += int(reader.read[0])
        return found
