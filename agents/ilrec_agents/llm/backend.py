"""What an agent needs of a language model. Each back-end is one file that provides it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.llm.grounding.trie import Nodes, Tokens, Trie


@dataclass(frozen=True)
class Usage:
    """What was asked of a model so far, as its server counts it.

    Attributes:
        requests: Answers.
        counted: Those of them that came with numbers of tokens; not all servers count.
        prompt_tokens: Tokens read.
        completion_tokens: Tokens written.
    """

    requests: int = 0
    counted: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def since(self, before: Usage) -> tuple[int, int] | None:
        """Tokens read and written since then; None where not all of them were counted."""
        requests = self.requests - before.requests
        if not requests or self.counted - before.counted != requests:
            return None
        return self.prompt_tokens - before.prompt_tokens, self.completion_tokens - before.completion_tokens


class Reader(Protocol):
    """Tries read on top of a context."""

    read: NDArray[np.int64]
    """Tokens read so far, ``(B,)``."""

    def of(self, nodes: Sequence[Nodes]) -> list[NDArray[np.float64]]:
        """Log-probability of each of a row's nodes given its parent; what that needs is read first, in one pass."""


class Context(Protocol):
    """B texts that the model has read and keeps in mind, side by side."""

    @property
    def rows(self) -> int:
        """B."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text so far, ``(B,)``."""

    def append(self, texts: Sequence[Tokens]) -> None:
        """Read one more piece of text per row; pieces may differ in length and be empty."""

    def write(self, limit: int, stop: frozenset[int]) -> list[Tokens]:
        """Continue every row greedily and keep what was written.

        Args:
            limit: Tokens at most.
            stop: Tokens that end the text; they are not kept.
        """

    def reader(self, tries: Sequence[Trie]) -> Reader:
        """For the log-probabilities of a trie per row. What it reads stays until the context is rewound."""

    def mark(self) -> Any:
        """The present place, for :meth:`rewind`."""

    def rewind(self, mark: Any) -> None:
        """Forget what came after the mark."""

    def select(self, rows: Sequence[int]) -> Self:
        """A context of these rows; a row may come several times."""

    def joined(self, other: Self) -> Self:
        """A context of this one's rows, then the other's."""


class Backend(Protocol):
    """A language model with its tokenizer."""

    @property
    def scores_tries(self) -> bool:
        """Whether its contexts have readers; a model behind a server only writes."""

    @property
    def usage(self) -> Usage | None:
        """What was asked so far, for a model whose contexts count something else than its tokens; else None."""

    @property
    def special(self) -> tuple[str, ...]:
        """Texts that the tokenizer reads as control tokens."""

    @property
    def end(self) -> int:
        """The token that ends a text."""

    @property
    def context_length(self) -> int:
        """Tokens that a text may have."""

    def holding(self, characters: str) -> frozenset[int]:
        """All tokens whose text holds one of the characters."""

    def encode(self, text: str) -> Tokens:
        """Text to tokens, without any added."""

    def decode(self, tokens: Sequence[int]) -> str:
        """Tokens to text."""

    def open(self, text: str) -> Context:
        """A context of one row that has read the beginning of a text."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Hidden state of each text's last token, ``(N, D)``, as the model gives it (not normalised)."""

    def facts(self) -> dict[str, Any]:
        """Model, source, number format and versions, for cards."""
