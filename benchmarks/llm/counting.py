"""What lock-step spends: tokens and seconds, by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from ilrec_agents.llm.backends.transformers_backend import TransformersBackend
from ilrec_agents.llm.grounding.trie import Nodes, Tokens, Trie


@dataclass
class Account:
    """Tokens and seconds by what they were spent on.

    Attributes:
        device: Whose work is waited for.
        clock: Seconds.
        seconds: By part.
        read: Tokens read, in texts and in tries of titles.
        written: Tokens written.
        prompt: Lengths of the rows that titles were last asked of.
    """

    device: torch.device
    clock: Callable[[], float]
    seconds: dict[str, float] = field(default_factory=dict)
    read: int = 0
    written: int = 0
    prompt: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Time a part."""
        start = self.clock()
        yield
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        self.seconds[part] = self.seconds.get(part, 0.0) + self.clock() - start

    def clear(self) -> None:
        """Begin anew."""
        self.seconds, self.read, self.written = {}, 0, 0

    def copy(self) -> Account:
        """As it is now."""
        return Account(self.device, self.clock, dict(self.seconds), self.read, self.written, self.prompt)


class Counted:
    """A back-end whose contexts keep an account."""

    def __init__(self, backend: TransformersBackend, account: Account) -> None:
        self._backend, self._account = backend, account

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def open(self, text: str) -> CountedContext:
        """A context of one row."""
        return CountedContext(self._backend.open(text), self._account)


class CountedContext:
    """A context that keeps an account."""

    def __init__(self, context: Any, account: Account) -> None:
        self._context, self._account = context, account

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def append(self, texts: Sequence[Tokens]) -> None:
        """Read a piece of text per row."""
        self._account.read += sum(map(len, texts))
        with self._account.timed("reading what is new"):
            self._context.append(texts)

    def write(self, limit: int, stop: frozenset[int]) -> list[Tokens]:
        """Continue every row."""
        with self._account.timed("writing"):
            written: list[Tokens] = self._context.write(limit, stop)
        self._account.written += sum(map(len, written))
        return written

    def reader(self, tries: Sequence[Trie]) -> CountedReader:
        """Tries on top of the rows."""
        self._account.prompt = self._context.lengths
        return CountedReader(self._context.reader(tries), self._account)

    def select(self, rows: Sequence[int]) -> Self:
        """A context of these rows."""
        with self._account.timed("copying rows"):
            return type(self)(self._context.select(rows), self._account)

    def joined(self, other: Self) -> Self:
        """This context's rows, then the other's."""
        with self._account.timed("copying rows"):
            return type(self)(self._context.joined(other._context), self._account)


class CountedReader:
    """A reader that keeps an account."""

    def __init__(self, reader: Any, account: Account) -> None:
        self._reader, self._account = reader, account

    @property
    def read(self) -> NDArray[np.int64]:
        """Tokens read."""
        found: NDArray[np.int64] = self._reader.read
        return found

    def of(self, nodes: Sequence[Nodes]) -> list[NDArray[np.float64]]:
        """Log-probabilities of nodes."""
        before = int(self._reader.read.sum())
        with self._account.timed("reading titles on offer, and grades"):
            found: list[NDArray[np.float64]] = self._reader.of(nodes)
        self._account.read += int(self._reader.read.sum()) - before
        return found


class CountedEncoder:
    """An encoder that keeps an account."""

    def __init__(self, encoder: Any, account: Account) -> None:
        self._encoder, self._account = encoder, account

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of texts."""
        with self._account.timed("encoding situations"):
            found: NDArray[np.float32] = self._encoder.encode(texts)
        return found
