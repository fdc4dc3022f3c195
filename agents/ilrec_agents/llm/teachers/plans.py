"""Plans of running sessions: made every few films, kept until the next one is due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ilrec_agents.llm.grounding.trie import Tokens
from ilrec_agents.llm.modules.planner import Planner
from ilrec_agents.llm.teachers.lockstep import LockStep
from ilrec_agents.llm.teachers.session import Session
from ilrec_agents.llm.teachers.tape import Tape, Taped


class Plan(NamedTuple):
    """A plan.

    Attributes:
        text: What was written; possibly empty.
        lessons: Reflections that it was made with.
    """

    text: Tokens
    lessons: tuple[str, ...]


class Plans:
    """The plans of the sessions of the present batch.

    Args:
        planner: Writes them.
        lockstep: Reads sessions anew whose plan was made earlier and is not known here.
        every: Films that a plan is for.
        recall: From sessions to the reflections that suit them.
        told: From reflections to tokens.
    """

    def __init__(
        self,
        planner: Planner,
        lockstep: LockStep,
        every: int,
        recall: Callable[[Sequence[Session]], list[list[str]]],
        told: Callable[[Sequence[str]], Tokens],
    ) -> None:
        self._planner, self._lockstep, self._every = planner, lockstep, every
        self._recall, self._told = recall, told
        self._made: dict[Session, Plan] = {}

    def of(self, context: Taped, sessions: Sequence[Session], tape: Tape) -> list[Plan]:
        """The plan of each session, made as it was when the plan was due.

        Args:
            context: A row per session, behind the last film shown; it is left so.
            sessions: B of them.
            tape: Of all rows.
        """
        due = [session.until(len(session) // self._every * self._every) for session in sessions]
        wanted = set(due)
        self._made = {session: plan for session, plan in self._made.items() if session in wanted}
        missing = [row for row, session in enumerate(due) if session not in self._made]
        now = [row for row in missing if due[row] == sessions[row]]
        earlier = [row for row in missing if due[row] != sessions[row]]
        if now:
            self._make(context if len(now) == context.rows else context.select(now), [due[row] for row in now])
        if earlier:
            then = [due[row] for row in earlier]
            self._make(self._lockstep.apart(then, tape, earlier), then)
        return [self._made[session] for session in due]

    def forget(self) -> None:
        """Drop all plans."""
        self._made = {}

    def _make(self, context: Taped, sessions: Sequence[Session]) -> None:
        lessons = self._recall(sessions)
        texts = self._planner.plan(context, [self._told(mine) for mine in lessons])
        for session, text, mine in zip(sessions, texts, lessons, strict=True):
            self._made[session] = Plan(text, tuple(mine))
