"""One kept context per viewer who is watching: what is known of a viewer is read once and not at every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.llm.backend import Backend, Context
from ilrec_agents.llm.grounding.trie import Tokens
from ilrec_agents.llm.room import LESS, UNCORRECTED, check_room


class Viewers:
    """Contexts of the viewers of the present batch; those who left are dropped.

    Args:
        backend: The model.
        opening: The beginning that all share.
        describe: What follows it for a viewer.
    """

    def __init__(self, backend: Backend, opening: str, describe: Callable[[int], Tokens]) -> None:
        self._backend, self._opening, self._describe = backend, opening, describe
        self._held: list[int] = []
        self._context: Context | None = None

    def context(self, users: Sequence[int] | NDArray[np.integer]) -> tuple[Context, NDArray[np.int64]]:
        """The context with one row for each of ``users``, and how many tokens each row had to read for it."""
        users = [int(user) for user in users]
        read = np.zeros(len(users), np.int64)
        if self._context is not None and users == self._held:
            return self._context, read
        kept = [user for user in dict.fromkeys(users) if user in self._held]
        new = [user for user in dict.fromkeys(users) if user not in self._held]
        parts: list[Context] = []
        if kept and self._context is not None:
            parts.append(self._context.select([self._held.index(user) for user in kept]))
        if new:
            texts = [self._describe(user) for user in new]
            parts.append(self._opened(texts, 0, LESS))
            sizes = dict(zip(new, map(len, texts), strict=True))
            read = np.array([sizes.pop(user, 0) for user in users], np.int64)
        context = parts[0] if len(parts) == 1 else parts[0].joined(parts[1])
        order = [*kept, *new]
        if order != users:
            context = context.select([order.index(user) for user in users])
        self._held, self._context = users, context
        return context, read

    def forget(self) -> None:
        """Drop what is kept of viewers."""
        self._held, self._context = [], None

    def others(self, texts: Sequence[Tokens], room: int) -> Context:
        """A context of its own whose rows read ``texts`` after the shared beginning, with room for so many tokens."""
        return self._opened(texts, room, UNCORRECTED)

    def _opened(self, texts: Sequence[Tokens], room: int, fix: str) -> Context:
        check_room(self._backend.context_length, int(self._shared.lengths[0]) + room, texts, fix)
        context = self._shared.select([0] * len(texts))
        context.append(texts)
        return context

    @cached_property
    def _shared(self) -> Context:
        return self._backend.open(self._opening)
