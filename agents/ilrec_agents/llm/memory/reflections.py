"""The reflector's memory: what was learned from finished sessions, found again in states like theirs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ilrec_agents.llm.memory.encoder import Encoder
from ilrec_agents.llm.memory.store import Store

_MORE = 4  # asked of the index for each one wanted: sessions leave equal reflections behind


class Reflection(NamedTuple):
    """A reflection that was recalled.

    Attributes:
        text: What was written.
        session_return: Sum of the ratings of the session that it was written after.
        cosine: How alike the states are.
    """

    text: str
    session_return: float
    cosine: float


class Reflections:
    """Texts by the state that they were written for (Reflexion, NeurIPS 2023; the planner of BiLLP, SIGIR 2024).

    Args:
        encoder: Of states.
        keep: Reflections at most; the oldest are dropped. None for no limit.
        threshold: Cosine of the states above which a reflection is recalled.
    """

    name = "reflections"

    def __init__(self, encoder: Encoder, keep: int | None = None, threshold: float = 0.0) -> None:
        self._encoder, self._threshold = encoder, threshold
        self.store = Store(keep)

    def add(self, state: str, reflection: str, session_return: float) -> None:
        """Remember one reflection."""
        self.extend([state], [reflection], [session_return])

    def extend(self, states: Sequence[str], reflections: Sequence[str], returns: Sequence[float]) -> None:
        """Remember several; those without a word are left out."""
        said = [
            (state, {"state": state, "text": text.strip(), "return": float(total)})
            for state, text, total in zip(states, reflections, returns, strict=True)
            if text.strip()
        ]
        if said:
            self.store.append([entry for _, entry in said], self._encoder.encode([state for state, _ in said]))

    def recall(self, states: Sequence[str], k: int) -> list[list[Reflection]]:
        """The k reflections of the most similar states, per state; equal texts count once."""
        if not len(self.store) or not k:
            return [[] for _ in states]
        recalled = []
        for found in self.store.search(self._encoder.encode(states), _MORE * k, self._threshold):
            distinct: dict[str, Reflection] = {}
            for cosine, entry in found:
                distinct.setdefault(entry["text"], Reflection(entry["text"], entry["return"], cosine))
            recalled.append(list(distinct.values())[:k])
        return recalled

    def save(self, folder: Path) -> None:
        """Write the memory as two files."""
        self.store.save(folder, self.name)

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote, in place of what is here."""
        self.store = Store.load(folder, self.name, self.store.keep)
