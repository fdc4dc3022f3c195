"""The plain loop: nothing is kept, and every answer of every session reads the whole prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer

from ilrec_agents.llm.backends.transformers_backend import TransformersBackend
from ilrec_agents.llm.grounding.base import Choice, Titles
from ilrec_agents.llm.grounding.trie import Nodes, Tokens, Trie
from ilrec_agents.llm.teachers.naive import NaiveBackend, NaiveContext


class Plain(NaiveBackend):
    """Nothing is kept, and texts are written by ``generate`` of a model that is left as transformers makes it."""

    def __init__(self, backend: TransformersBackend, folder: Path, device: torch.device) -> None:
        super().__init__(backend)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, backend.dtype), local_files_only=True)
        self._model = model.eval().to(device)
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)

    def open(self, text: str) -> PlainContext:
        """A text of one row; it is read when something is asked."""
        opening = tuple(self._tokenizer(text)["input_ids"])
        context = PlainContext(lambda: self._backend.open(text), len(opening), [()])
        context.opening, context.generate = opening, self.generate
        return context

    @torch.inference_mode()
    def generate(
        self, tokens: Tokens, limit: int, stop: frozenset[int], allowed: Callable[[Tokens], list[int]] | None = None
    ) -> Tokens:
        """What the model writes behind a text, greedily; ``allowed`` says what may follow what it has written."""
        given = torch.tensor([tokens], device=self._model.device)
        only = None if allowed is None else lambda _, text: allowed(tuple(text[len(tokens) :].tolist()))
        found = self._model.generate(
            given, attention_mask=torch.ones_like(given), max_new_tokens=limit, do_sample=False,
            eos_token_id=sorted(stop), pad_token_id=self.end, prefix_allowed_tokens_fn=only,
        )  # fmt: skip
        written = found[0, len(tokens) :].tolist()
        return tuple(written[:-1] if written and written[-1] in stop else written)


class PlainContext(NaiveContext):
    """Texts that are read from their beginning for every answer, one session after another."""

    opening: Tokens
    generate: Any

    def write(self, limit: int, stop: frozenset[int]) -> list[Tokens]:
        """One call of ``generate`` per session."""
        written = [self.generate((*self.opening, *text), limit, stop) for text in self._texts]
        self.append(written)
        return written

    def one_of(self, row: int, titles: Sequence[Tokens], end: int) -> int:
        """Write one of these titles behind a row, and say which: one call of ``generate``."""

        def allowed(written: Tokens) -> list[int]:
            longer = [title for title in titles if title[: len(written)] == written]
            return sorted({title[len(written)] if len(title) > len(written) else end for title in longer})

        text = (*self.opening, *self._texts[row])
        return list(titles).index(self.generate(text, 1 + max(map(len, titles)), frozenset({end}), allowed))

    def reader(self, tries: Sequence[Trie]) -> PlainReader:
        """One reading of the text per session, with all titles behind it."""
        return PlainReader([self._alone(row).reader([trie]) for row, trie in enumerate(tries)])

    def select(self, rows: Sequence[int]) -> Self:
        """A context of these rows."""
        return self._like(super().select(rows))

    def joined(self, other: Self) -> Self:
        """This context's rows, then the other's."""
        return self._like(super().joined(other))

    def _like(self, made: Self) -> Self:
        made.opening, made.generate = self.opening, self.generate
        return made


class PlainConstrained:
    """Constrained decoding as ``generate`` offers it: after each token only those that lead to a free title.

    Args:
        titles: The catalogue.
    """

    def __init__(self, titles: Titles) -> None:
        self._titles = titles

    def choose(
        self, context: PlainContext, offered: NDArray[np.integer], free: NDArray[np.bool_], *_: Any
    ) -> list[Choice]:
        """A title in every row, one session after another."""
        return [self._chosen(context, row, offered[row], free[row]) for row in range(context.rows)]

    def _chosen(self, context: PlainContext, row: int, items: NDArray[np.integer], free: NDArray[np.bool_]) -> Choice:
        places = np.flatnonzero(free)
        titles = [self._titles.title(int(item))[0] for item in items[places]]
        place = int(places[context.one_of(row, titles, self._titles.end)])
        text = self._titles.texts[int(items[place])]
        return Choice(place, 0.0, 1.0, text, outside=False, repeated=False, read=0, written=0)


class PlainReader:
    """Readers of one row each."""

    def __init__(self, readers: Sequence[Any]) -> None:
        self._readers = readers

    @property
    def read(self) -> NDArray[np.int64]:
        """Tokens read."""
        return np.concatenate([reader.read for reader in self._readers])

    def of(self, nodes: Sequence[Nodes]) -> list[NDArray[np.float64]]:
        """Log-probabilities of nodes."""
        return [reader.of([mine])[0] for reader, mine in zip(self._readers, nodes, strict=True)]
