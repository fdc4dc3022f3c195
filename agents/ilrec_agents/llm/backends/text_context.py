"""Contexts of models that are reached through text alone: nothing is kept but the text itself.

Their tokens are Unicode code points, so lengths count characters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.llm.backend import Reader, Usage
from ilrec_agents.llm.grounding.trie import Tokens, Trie
from ilrec_agents.llm.prompt import CONTROL
from ilrec_gym.errors import UsageError

END = 0x10FFFF
"""Stands for the end of a text: Unicode has no character there, and never will."""

_WIDEST = 8  # characters of a token, on average over an answer, at most
Answer = Callable[[Sequence[str], int, str], list[str]]
"""From texts, a limit in the model's own tokens, and characters that end a text, to what follows each text."""


def encoded(text: str) -> Tokens:
    """A text's code points."""
    return tuple(map(ord, text))


def decoded(tokens: Sequence[int]) -> str:
    """The text of code points."""
    return "".join(chr(token) for token in tokens if token != END)


class TextContext:
    """B texts as strings; all of them are sent whenever something is to be written.

    Args:
        answer: What continues texts.
        texts: The rows.
    """

    def __init__(self, answer: Answer, texts: Sequence[str]) -> None:
        self._answer, self._texts = answer, tuple(texts)

    @property
    def rows(self) -> int:
        """B."""
        return len(self._texts)

    @property
    def texts(self) -> tuple[str, ...]:
        """What stands in each row."""
        return self._texts

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Characters of each row, ``(B,)``."""
        return np.array([len(text) for text in self._texts], np.int64)

    def append(self, texts: Sequence[Tokens]) -> None:
        """Add a piece of text per row."""
        self._texts = tuple(text + decoded(more) for text, more in zip(self._texts, texts, strict=True))

    def write(self, limit: int, stop: frozenset[int]) -> list[Tokens]:
        """Continue every row. The limit counts the model's own tokens; what comes back counts characters.

        What a server sends beyond what it was asked for is cut off: text behind a control token, and far too much.
        """
        if limit < 1 or not self._texts:
            return [() for _ in self._texts]
        ends = "".join(sorted(chr(token) for token in stop if token != END))
        written = [_before(_sound(text[: _WIDEST * limit]), ends) for text in self._answer(self._texts, limit, ends)]
        self._texts = tuple(text + more for text, more in zip(self._texts, written, strict=True))
        return [encoded(text) for text in written]

    def reader(self, tries: Sequence[Trie]) -> Reader:
        """Refused: such a model says what it would write, not how likely anything else is.

        Raises:
            UsageError: Always.
        """
        raise UsageError(
            "log-probabilities of titles need a model that runs here",
            cause='a back-end that only writes ("server" or "scripted") with a grounding or a critic that scores',
            fix='grounding="free_text" with this back-end, or backend="transformers"',
        )

    def mark(self) -> tuple[str, ...]:
        """The present texts."""
        return self._texts

    def rewind(self, mark: tuple[str, ...]) -> None:
        """Forget what came after the mark."""
        self._texts = mark

    def select(self, rows: Sequence[int]) -> TextContext:
        """A context of these rows."""
        return TextContext(self._answer, [self._texts[int(row)] for row in rows])

    def joined(self, other: TextContext) -> TextContext:
        """This context's rows, then the other's."""
        return TextContext(self._answer, self._texts + other._texts)


class TextBackend(ABC):
    """What back-ends over text share."""

    scores_tries = False
    special: tuple[str, ...] = ()
    end = END

    def __init__(self, context_length: int) -> None:
        if isinstance(context_length, bool) or not isinstance(context_length, int) or context_length < 1:
            raise UsageError("context_length must be a whole number of characters", received=context_length)
        self.context_length = context_length

    @property
    def usage(self) -> Usage:
        """Nothing that anybody counted: contexts count characters."""
        return Usage()

    def holding(self, characters: str) -> frozenset[int]:
        """The characters' own code points."""
        return frozenset(map(ord, characters))

    def encode(self, text: str) -> Tokens:
        """Text to code points."""
        return encoded(text)

    def decode(self, tokens: Sequence[int]) -> str:
        """Code points to text."""
        return decoded(tokens)

    def open(self, text: str) -> TextContext:
        """A context of one row."""
        return TextContext(self._continued, [text])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Refused: hidden states do not leave such a model.

        Raises:
            UsageError: Always.
        """
        raise UsageError(
            "embeddings by the language model need one that runs here",
            cause='encoder="model" with a back-end that only writes',
            fix='encoder="minilm", or backend="transformers"',
        )

    @abstractmethod
    def _continued(self, texts: Sequence[str], limit: int, ends: str) -> list[str]:
        """What follows each text, see :data:`Answer`."""


def _before(text: str, ends: str) -> str:
    """The text up to the first of some characters, or of a control token."""
    text = CONTROL.split(text, maxsplit=1)[0]
    return text[: min((text.find(end) for end in ends if end in text), default=len(text))]


def _sound(text: str) -> str:
    """The text without halves of characters, which no file can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
