"""Rows of different lengths in lock-step over one kept cache.

A row's tokens lie in the cache with gaps where other rows were longer. Gaps are masked, and positions are given
explicitly, so a row gives what it would give alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from transformers.cache_utils import Cache

from ilrec_agents.llm.backends.slab import SlabLayer
from ilrec_agents.llm.backends.trie_reader import TrieReader
from ilrec_agents.llm.grounding.trie import Tokens, Trie


class Model(Protocol):
    """The model's two halves."""

    @property
    def vocabulary(self) -> int:
        """V."""

    def forward(
        self, tokens: torch.Tensor, positions: torch.Tensor, seen: torch.Tensor, keys: torch.Tensor, cache: Cache
    ) -> torch.Tensor:
        """Tokens ``(B, Q)``, their positions, seen ``(B, Q, K)`` bool, the keys' positions ``(B, K)``, and the cache.

        Returns:
            Hidden states ``(B, Q, H)``.
        """

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Hidden states ``(..., H)`` -> logits ``(..., V)``."""


class Mark(NamedTuple):
    """A place to go back to."""

    used: int
    lengths: torch.Tensor
    last: torch.Tensor | None
    pending: list[list[int]]


class TransformersContext:
    """B texts in the cache of a transformers model."""

    def __init__(self, model: Model, slabs: Sequence[SlabLayer], n_rows: int, device: torch.device) -> None:
        self._model, self._slabs, self._device = model, list(slabs), device
        self._cache = Cache(layers=list(slabs))
        self._real = torch.zeros(n_rows, 0, dtype=torch.bool, device=device)  # (B, K): which positions hold a token
        self._keys = torch.zeros(n_rows, 0, dtype=torch.long, device=device)  # (B, K): their places in the text
        self._lengths = torch.zeros(n_rows, dtype=torch.long, device=device)  # tokens read
        self._last: torch.Tensor | None = None  # (B, H) hidden state of each row's last token
        self._pending: list[list[int]] = [[] for _ in range(n_rows)]  # written, and not read back yet

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self._pending)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row."""
        return self._lengths.cpu().numpy() + np.array([len(p) for p in self._pending], np.int64)

    @torch.inference_mode()
    def append(self, texts: Sequence[Tokens]) -> None:
        """Read a piece of text per row."""
        self._read([[*pending, *text] for pending, text in zip(self._pending, texts, strict=True)])
        self._pending = [[] for _ in texts]

    @torch.inference_mode()
    def write(self, limit: int, stop: frozenset[int]) -> list[Tokens]:
        """Continue every row greedily."""
        self._settle()
        written: list[list[int]] = [[] for _ in range(self.rows)]
        writing, ends = np.ones(self.rows, bool), np.fromiter(stop, np.int64)
        for step in range(limit):
            best = self.logits(self.last).argmax(-1).cpu().numpy()
            writing &= ~np.isin(best, ends)
            for row in np.flatnonzero(writing):
                written[row].append(int(best[row]))
            if not writing.any() or step == limit - 1:
                break
            self._read([[int(best[row])] if writing[row] else [] for row in range(self.rows)])
        # The last token of a row that wrote to the limit was not read; append() does it with what comes next.
        if limit:
            self._pending = [w[-1:] if on else [] for w, on in zip(written, writing, strict=True)]
        return [tuple(w) for w in written]

    def reader(self, tries: Sequence[Trie]) -> TrieReader:
        """For the log-probabilities of a trie per row."""
        self._settle()
        return TrieReader(self, tries)

    @property
    def vocabulary(self) -> int:
        """Number of logits."""
        return self._model.vocabulary

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of hidden states."""
        return self._model.logits(hidden)

    @property
    def last(self) -> torch.Tensor:
        """Hidden state ``(B, H)`` of each row's last token."""
        assert self._last is not None, "a context reads something before it writes or scores"
        return self._last

    def branch(self, tokens: torch.Tensor, depths: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """Hidden states of tokens that continue the text in several ways at once."""
        return self._run(tokens, self._lengths[:, None] + depths, seen)

    def mark(self) -> Mark:
        """The present place."""
        return Mark(self._used, self._lengths.clone(), self._last, [list(p) for p in self._pending])

    def rewind(self, mark: Mark) -> None:
        """Forget what came after the mark."""
        for slab in self._slabs:
            slab.used = mark.used
        self._real, self._keys = self._real[:, : mark.used], self._keys[:, : mark.used]
        self._lengths, self._last = mark.lengths.clone(), mark.last
        self._pending = [list(p) for p in mark.pending]

    def select(self, rows: Sequence[int]) -> TransformersContext:
        """A context of these rows."""
        index = torch.as_tensor(list(rows), dtype=torch.long, device=self._device)
        made = TransformersContext(self._model, [s.select(index) for s in self._slabs], len(index), self._device)
        made._real, made._keys, made._lengths = self._real[index], self._keys[index], self._lengths[index]
        made._last = None if self._last is None else self._last[index]
        made._pending = [list(self._pending[row]) for row in rows]
        return made

    def joined(self, other: TransformersContext) -> TransformersContext:
        """This context's rows, then the other's."""
        slabs = [mine.joined(theirs) for mine, theirs in zip(self._slabs, other._slabs, strict=True)]
        made = TransformersContext(self._model, slabs, self.rows + other.rows, self._device)
        width = max(self._used, other._used)
        made._real = torch.cat([_widened(context._real, width) for context in (self, other)])
        made._keys = torch.cat([_widened(context._keys, width) for context in (self, other)])
        made._lengths = torch.cat([self._lengths, other._lengths])
        made._last = torch.cat([self.last, other.last])
        made._pending = [list(p) for p in (*self._pending, *other._pending)]
        return made

    @property
    def _used(self) -> int:
        return self._slabs[0].used

    def _read(self, texts: Sequence[Sequence[int]]) -> None:
        """Feed tokens per row, padded on the right, and remember the hidden state behind each row's last one."""
        width = max(map(len, texts))
        if not width:
            return
        sizes = torch.tensor([len(text) for text in texts], device=self._device)
        tokens = torch.tensor([[*text, *[0] * (width - len(text))] for text in texts], device=self._device)
        offsets = torch.arange(width, device=self._device)
        real = offsets < sizes[:, None]
        seen = (offsets[:, None] >= offsets).expand(self.rows, -1, -1)  # padding comes last: no token sees it
        places = torch.minimum(offsets, sizes[:, None] - 1)  # padding stands where the text ends: no place is beyond
        hidden = self._run(tokens, (self._lengths[:, None] + places).clamp(min=0), seen)
        self._real = torch.cat([self._real, real], dim=1)
        last = hidden[torch.arange(self.rows, device=self._device), (sizes - 1).clamp(min=0)]
        self._last = last if self._last is None else torch.where((sizes > 0)[:, None], last, self._last)
        self._lengths = self._lengths + sizes

    def _run(self, tokens: torch.Tensor, positions: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """One pass. All tokens see what is real; ``seen`` (B, Q, K') says what of all that lies behind it."""
        text = self._real[:, None, :].expand(-1, tokens.shape[1], -1)
        self._keys = torch.cat([self._keys, positions], dim=1)
        return self._model.forward(tokens, positions, torch.cat([text, seen], dim=2), self._keys, self._cache)

    def _settle(self) -> None:
        """Read what was written and not read yet."""
        if any(self._pending):
            self.append([()] * self.rows)


def _widened(columns: torch.Tensor, width: int) -> torch.Tensor:
    return torch.nn.functional.pad(columns, (0, width - columns.shape[1]))
