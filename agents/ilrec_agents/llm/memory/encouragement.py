"""The actor's memory: which items did better or worse than the critic expected, in states like the present one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ilrec_agents.llm.memory.encoder import Encoder
from ilrec_agents.llm.memory.store import Found, Store


class Advice(NamedTuple):
    """Items by the sign of what is remembered of them, clearest first.

    Attributes:
        encouraged: Did better than expected.
        discouraged: Did worse.
    """

    encouraged: tuple[int, ...]
    discouraged: tuple[int, ...]


class Encouragement:
    """Signs of advantages A = r + gamma V(s') - V(s) by state and item, as BiLLP keeps them (SIGIR 2024).

    An item's weight in a state is the sum of cosine * sign(A) over the nearest remembered states in which an item that
    may be named was recommended, and it was this one; its sign says whether the item is encouraged or discouraged.

    Args:
        encoder: Of states.
        keep: Entries at most; the oldest are dropped. None for no limit.
        threshold: Cosine of the states from which an entry counts.
        nearest: Entries that count, at most.
        most: Items of either kind in an advice, at most.
    """

    name = "encouragement"

    def __init__(
        self, encoder: Encoder, keep: int | None = None, threshold: float = 0.0, nearest: int = 32, most: int = 3
    ) -> None:
        self._encoder, self._threshold, self._nearest, self._most = encoder, threshold, nearest, most
        self.store = Store(keep)

    def add(self, state: str, item: int, advantage: float) -> None:
        """Remember how one recommendation went."""
        self.extend([state], [item], [advantage])

    def extend(self, states: Sequence[str], items: Sequence[int], advantages: Sequence[float]) -> None:
        """Remember several; an advantage of 0, or one that is no number, says nothing and is left out."""
        told = [
            (state, {"state": state, "item": int(item), "sign": int(np.sign(advantage))})
            for state, item, advantage in zip(states, items, advantages, strict=True)
            if np.isfinite(advantage) and advantage != 0
        ]
        if told:
            self.store.append([entry for _, entry in told], self._encoder.encode([state for state, _ in told]))

    def advice(self, states: Sequence[str], offered: Sequence[Sequence[int]] | None = None) -> list[Advice]:
        """What is encouraged and discouraged, per state.

        Args:
            states: B texts.
            offered: Per state, the items that may be named; None for all.
        """
        if not len(self.store) or not self._most:
            return [Advice((), ()) for _ in states]
        items, within = np.array([entry["item"] for entry in self.store.entries]), None
        if offered is not None:
            within = [np.flatnonzero(np.isin(items, mine)) for mine in offered]
        found = self.store.search(self._encoder.encode(states), self._nearest, self._threshold, within)
        return [self._summed(mine) for mine in found]

    def save(self, folder: Path) -> None:
        """Write the memory as two files."""
        self.store.save(folder, self.name)

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote, in place of what is here."""
        self.store = Store.load(folder, self.name, self.store.keep)

    def _summed(self, found: Sequence[Found]) -> Advice:
        weights: dict[int, float] = defaultdict(float)
        for cosine, entry in found:
            weights[entry["item"]] += cosine * entry["sign"]
        ranked = sorted(weights, key=lambda item: (-abs(weights[item]), item))
        better = [item for item in ranked if weights[item] > 0]
        worse = [item for item in ranked if weights[item] < 0]
        return Advice(tuple(better[: self._most]), tuple(worse[: self._most]))
