"""Sessions in lock-step: one row of one context each, read once and kept from step to step.

    [rules] [viewer, lessons] [film] [film] ... | what this step asks
     all     once per session  one per step     | forgotten again

What a row has read depends only on its session, never on what was kept: a session that is new, that comes back, or
whose oldest films drop out is read anew and stands where it would have stood.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

from ilrec_agents.llm.backend import Backend, Context
from ilrec_agents.llm.grounding.trie import Tokens
from ilrec_agents.llm.room import UNCORRECTED, check_room, no_room
from ilrec_agents.llm.teachers.script import Script
from ilrec_agents.llm.teachers.session import Session, Window
from ilrec_agents.llm.teachers.tape import Tape, Taped

_SHORTER = "lower liked, disliked, reflections, advice or the lengths of texts, or use another model"


class _Held(NamedTuple):
    """What a row of the kept context has read."""

    session: Session
    start: int


class LockStep:
    """Kept contexts of the sessions of the present batch; those that ended are dropped.

    Args:
        backend: The model.
        script: The words.
        beginning: From a user to what is known of them when a session begins.
        most: Films of a session that prompts show.
        reserve: Tokens that a step may need behind them.
    """

    def __init__(
        self, backend: Backend, script: Script, beginning: Callable[[int], Tokens], *, most: int, reserve: int
    ) -> None:
        self._backend, self._script, self._beginning = backend, script, beginning
        self._most, self._reserve = most, reserve
        self._held: list[_Held] = []
        self._context: Context | None = None

    def follow(self, sessions: Sequence[Session], tape: Tape) -> Taped:
        """A row for each session, right behind the last film shown."""
        held = [_Held(session, self.window(session).start) for session in sessions]
        known = self._known(held)
        old = [row for row, source in enumerate(known) if source is not None]
        new = [row for row, source in enumerate(known) if source is None]
        parts: list[Taped] = []
        if old and self._context is not None:
            parts.append(self._kept(self._context, tape, old, [i for i in known if i is not None], held))
        if new:
            parts.append(self._read([held[row] for row in new], tape, new))
        both = parts[0] if len(parts) == 1 else parts[0].joined(parts[1])
        order = [*old, *new]
        if order != sorted(order):
            both = both.select([order.index(row) for row in range(len(order))])
        self._held, self._context = held, both.inner
        return both

    def apart(self, sessions: Sequence[Session], tape: Tape, rows: Sequence[int]) -> Taped:
        """As :meth:`follow`, in a context of its own that is not kept; ``rows`` are those of the tape."""
        return self._read([_Held(session, self.window(session).start) for session in sessions], tape, rows)

    def window(self, session: Session) -> Window:
        """The films of a session that prompts show.

        Raises:
            UsageError: Not even the prompt without films fits.
        """
        sizes = [
            len(self._script.line(session.user, item, rating))
            for item, rating in zip(session.items, session.ratings, strict=True)
        ]
        fixed = len(self._beginning(session.user)) + len(self._script.heading(len(session)))
        room = self._backend.context_length - int(self._shared.lengths[0]) - fixed - self._reserve
        if room < 0:
            raise no_room(self._backend.context_length, _SHORTER)
        return Window.of(sizes, self._most, room)

    def forget(self) -> None:
        """Drop what is kept of sessions."""
        self._held, self._context = [], None

    def everybody(self) -> Context:
        """A context of its own whose rows are viewers who stand for everybody, asked for a title."""
        texts = self._script.everybody
        read = int(self._shared.lengths[0]) + self._script.longest_title
        check_room(self._backend.context_length, read, texts, UNCORRECTED)
        context = self._shared.select([0] * len(texts))
        context.append(texts)
        return context

    def _known(self, held: Sequence[_Held]) -> list[int | None]:
        """For each row, the row of the kept context that it goes on from, if any."""
        places: dict[tuple[int, ...], list[int]] = {}
        for row, old in enumerate(self._held):
            places.setdefault(old.session.key, []).append(row)
        return [
            next((row for row in places.get(now.session.key, []) if _goes_on(self._held[row], now)), None)
            for now in held
        ]

    def _kept(
        self, context: Context, tape: Tape, rows: Sequence[int], sources: Sequence[int], held: Sequence[_Held]
    ) -> Taped:
        """Rows that were read before, with what was shown since."""
        if list(sources) != list(range(context.rows)):
            context = context.select(sources)
        taped = Taped(context, tape, rows)
        taped.append(
            [
                self._script.history(held[row].session, held[row].start, shown=len(self._held[source].session))
                for row, source in zip(rows, sources, strict=True)
            ]
        )
        return taped

    def _read(self, held: Sequence[_Held], tape: Tape, rows: Sequence[int]) -> Taped:
        """Rows that are read from their sessions' beginning."""
        taped = Taped(self._shared.select([0] * len(held)), tape, rows)
        taped.append(
            [(*self._beginning(now.session.user), *self._script.history(now.session, now.start)) for now in held]
        )
        return taped

    @cached_property
    def _shared(self) -> Context:
        return self._backend.open(self._script.opening)


def _goes_on(old: _Held, now: _Held) -> bool:
    """Whether what a row has read is a beginning of what is to be read now."""
    blank = old.start == len(old.session) <= now.start  # no film of it was read yet, and none of those will be
    return now.session.continues(old.session) and (blank or old.start == now.start)
