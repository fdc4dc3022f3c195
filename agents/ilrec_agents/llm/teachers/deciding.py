"""One step of many sessions: the modules in their order, over contexts that are kept.

plan (every few films) -> value -> advice, plan, thought, question -> title
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.llm.grounding.base import Choice
from ilrec_agents.llm.grounding.trie import Tokens
from ilrec_agents.llm.memory.encouragement import Advice
from ilrec_agents.llm.teachers.assembly import Assembly
from ilrec_agents.llm.teachers.plans import Plan
from ilrec_agents.llm.teachers.session import Session
from ilrec_agents.llm.teachers.tape import Tape

_NOTHING = Advice((), ())


@dataclass(frozen=True)
class Step:
    """What was made of one session's step.

    Attributes:
        choice: The title.
        plan: The plan that it follows, if there is a planner.
        thought: The thought before it, if there is a thinker.
        value: The critic's grade of the situation, if it was asked.
        lessons: Reflections that were recalled.
        advice: Items that were encouraged and discouraged.
        read: Tokens read, those of tries aside.
        tries: How many those were.
        written: Texts written, in order.
        lost: Films of the session that the model's context had no room for.
    """

    choice: Choice
    plan: Tokens | None
    thought: Tokens | None
    value: float | None
    lessons: tuple[str, ...]
    advice: Advice
    read: tuple[int, ...]
    tries: int
    written: tuple[Tokens, ...]
    lost: int


class Decider(Assembly):
    """A teacher at work."""

    def decide(
        self,
        sessions: Sequence[Session],
        offered: NDArray[np.integer],
        free: NDArray[np.bool_],
        draws: NDArray[np.float64],
        *,
        graded: bool,
    ) -> list[Step]:
        """One step of every session.

        Args:
            sessions: B of them.
            offered: ``(B, S)`` items to choose among.
            free: ``(B, S)`` which of them may be chosen.
            draws: ``(B,)`` uniform numbers, for temperatures above 0.
            graded: Whether the critic says what it thinks of each situation.
        """
        tape = Tape(len(sessions))
        context = self.lockstep.follow(sessions, tape)
        start = context.mark()
        plans = self.plans.of(context, sessions, tape) if self.parts.plans else [None] * len(sessions)
        values = self.critic.values(context) if self.parts.criticises and graded else None
        advice = self._advice(sessions, offered, free)
        brought = [self._brought(plan, mine) for plan, mine in zip(plans, advice, strict=True)]
        thoughts: Sequence[Tokens | None] = [None] * len(sessions)
        if self.parts.thinks:
            context.append(brought)
            thoughts, brought = self.thinker.think(context), [()] * len(sessions)
        context.append([(*text, *self._asking) for text in brought])
        choices = self.grounding.choose(context.inner, offered, self._left(offered, free, advice), draws)
        context.rewind(start)
        return [
            Step(
                choice=choices[row],
                plan=None if plan is None else plan.text,
                thought=thoughts[row],
                value=None if values is None else float(values[row]),
                lessons=self.began(sessions[row].user)[1] if plan is None else plan.lessons,
                advice=advice[row],
                read=tuple(tape.read[row]),
                tries=int(tape.tries[row]),
                written=tuple(tape.written[row]),
                lost=self.lockstep.window(sessions[row]).lost,
            )
            for row, plan in enumerate(plans)
        ]

    def _advice(
        self, sessions: Sequence[Session], offered: NDArray[np.integer], free: NDArray[np.bool_]
    ) -> list[Advice]:
        if not self.parts.criticises:
            return [_NOTHING] * len(sessions)
        choices = [items[mask].tolist() for items, mask in zip(offered, free, strict=True)]
        return self.memories.advice([self.script.situation(session) for session in sessions], choices)

    def _brought(self, plan: Plan | None, advice: Advice) -> Tokens:
        """What stands between the films shown and the question: the plan, then the advice."""
        planned = () if plan is None else self.planner.speech.told(plan.text)
        named = advice.discouraged if self._config.discouraged == "named" else ()
        return (*planned, *self.script.advice(advice.encouraged, named))

    def _left(
        self, offered: NDArray[np.integer], free: NDArray[np.bool_], advice: Sequence[Advice]
    ) -> NDArray[np.bool_]:
        """What may be chosen ``(B, S)`` when discouraged films are left out wherever something else is free."""
        if self._config.discouraged == "named":
            return free
        bad = np.array([np.isin(items, mine.discouraged) for items, mine in zip(offered, advice, strict=True)])
        left: NDArray[np.bool_] = free & ~bad
        return np.where(left.any(axis=1, keepdims=True), left, free)

    @cached_property
    def _asking(self) -> Tokens:
        return self.script.ask("choice")
