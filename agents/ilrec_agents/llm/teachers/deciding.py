"""One step of many sessions: the modules in their order, over contexts that are kept.

plan (every few films) -> value -> advice, plan, thought, question -> title
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.llm.backend import Backend
from ilrec_agents.llm.grounding import make_grounding
from ilrec_agents.llm.grounding.base import Choice, Grounding, Material, Titles
from ilrec_agents.llm.grounding.trie import Tokens
from ilrec_agents.llm.memory.encoder import Encoder, make_encoder
from ilrec_agents.llm.memory.encouragement import Advice
from ilrec_agents.llm.modules.critic import Critic
from ilrec_agents.llm.modules.planner import Planner
from ilrec_agents.llm.modules.reflector import Reflector
from ilrec_agents.llm.modules.thinker import Thinker
from ilrec_agents.llm.teachers.config import TeacherConfig
from ilrec_agents.llm.teachers.lockstep import LockStep
from ilrec_agents.llm.teachers.memories import Memories
from ilrec_agents.llm.teachers.parts import Parts
from ilrec_agents.llm.teachers.plans import Plan, Plans
from ilrec_agents.llm.teachers.script import Script, TeacherPrompt
from ilrec_agents.llm.teachers.session import Session
from ilrec_agents.llm.teachers.tape import Tape
from ilrec_agents.task import Task

_TITLE = 60  # tokens kept free for a title
_LETTERS = 6  # characters of a token, where a back-end counts characters
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


class Decider:
    """The modules of a teacher with all that they share; each is made when it is first needed.

    Args:
        task: Films and viewers.
        config: Settings.
        parts: Which modules there are.
        prompt: The words.
        backend: The model.
        device: Where the encoder runs.
    """

    def __init__(
        self, task: Task, config: TeacherConfig, parts: Parts, prompt: TeacherPrompt, backend: Backend, device: str
    ) -> None:
        self._config, self.parts, self._backend, self._device = config, parts.within(config), backend, device
        self._n_items = len(task.catalogue)
        self.script = Script(task, config, prompt, backend)
        self._beginnings: dict[int, tuple[Tokens, tuple[str, ...]]] = {}

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
        plans = self._plans.of(context, sessions, tape) if self.parts.plans else [None] * len(sessions)
        values = self.critic.values(context) if self.parts.criticises and graded else None
        advice = self._advice(sessions, offered, free)
        brought = [self._brought(plan, mine) for plan, mine in zip(plans, advice, strict=True)]
        thoughts: Sequence[Tokens | None] = [None] * len(sessions)
        if self.parts.thinks:
            context.append(brought)
            thoughts, brought = self._thinker.think(context), [()] * len(sessions)
        context.append([(*text, *self._asking) for text in brought])
        choices = self.grounding.choose(context.inner, offered, self._left(offered, free, advice), draws)
        context.rewind(start)
        return [
            Step(
                choice=choices[row],
                plan=None if plan is None else plan.text,
                thought=thoughts[row],
                value=None if values is None else float(values[row]),
                lessons=self._began(sessions[row].user)[1] if plan is None else plan.lessons,
                advice=advice[row],
                read=tuple(tape.read[row]),
                tries=int(tape.tries[row]),
                written=tuple(tape.written[row]),
                lost=self.lockstep.window(sessions[row]).lost,
            )
            for row, plan in enumerate(plans)
        ]

    def forget(self) -> None:
        """Drop what is kept of running sessions; memories stay."""
        self.lockstep.forget()
        self._plans.forget()
        self._beginnings.clear()

    @cached_property
    def lockstep(self) -> LockStep:
        """The kept contexts."""
        return LockStep(
            self._backend,
            self.script,
            lambda user: self._began(user)[0],
            most=self._config.history,
            reserve=self._reserve,
        )

    @cached_property
    def critic(self) -> Critic:
        """Grades situations."""
        return Critic(self._backend, self.script.ask("critic"))

    @cached_property
    def reflector(self) -> Reflector:
        """Writes lessons."""
        return Reflector(self._backend, self.script.speech("reflector", self._config.max_reflection_tokens))

    @cached_property
    def memories(self) -> Memories:
        """What training sessions taught."""
        return Memories(self.encoder, self._config)

    @cached_property
    def encoder(self) -> Encoder:
        """Of situations and titles."""
        return make_encoder(self._config.encoder, self._backend, device=self._device)

    @cached_property
    def titles(self) -> Titles:
        """What films are called."""
        names = tuple(self.script.name(item) for item in range(self._n_items))
        return Titles(names, self.script.title, self._backend.end)

    @cached_property
    def grounding(self) -> Grounding:
        """From what the model says to a title."""
        config = self._config
        material = Material(
            backend=self._backend,
            titles=self.titles,
            everybody=self.lockstep.everybody,
            encoder=lambda: self.encoder,
            correction=config.correction,
            shortlist=config.shortlist,
            temperature=config.temperature,
            max_title_tokens=config.max_title_tokens,
        )
        return make_grounding(config.grounding, material)

    def _began(self, user: int) -> tuple[Tokens, tuple[str, ...]]:
        """What is read when a viewer's session begins, and the lessons in it."""
        if user not in self._beginnings:
            lessons: list[str] = []
            if self.parts.reflects and not self.parts.plans:
                (lessons,) = self.memories.lessons([self.script.situation(Session(0, 0, user, (), ()))])
            self._beginnings[user] = (*self.script.profile(user), *self.script.lessons(lessons)), tuple(lessons)
        return self._beginnings[user]

    def _advice(
        self, sessions: Sequence[Session], offered: NDArray[np.integer], free: NDArray[np.bool_]
    ) -> list[Advice]:
        if not self.parts.criticises:
            return [_NOTHING] * len(sessions)
        choices = [items[mask].tolist() for items, mask in zip(offered, free, strict=True)]
        return self.memories.advice([self.script.situation(session) for session in sessions], choices)

    def _brought(self, plan: Plan | None, advice: Advice) -> Tokens:
        """What stands between the films shown and the question: the plan, then the advice."""
        planned = () if plan is None else self._planner.speech.told(plan.text)
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

    def _lessons(self, sessions: Sequence[Session]) -> list[list[str]]:
        if not self.parts.reflects:
            return [[] for _ in sessions]
        return self.memories.lessons([self.script.situation(session) for session in sessions])

    @cached_property
    def _plans(self) -> Plans:
        return Plans(self._planner, self.lockstep, self._config.plan_every, self._lessons, self.script.lessons)

    @cached_property
    def _planner(self) -> Planner:
        return Planner(self._backend, self.script.speech("planner", self._config.max_plan_tokens))

    @cached_property
    def _thinker(self) -> Thinker:
        return Thinker(self._backend, self.script.speech("thinker", self._config.max_thought_tokens))

    @cached_property
    def _asking(self) -> Tokens:
        return self.script.ask("choice")

    @cached_property
    def _reserve(self) -> int:
        """Tokens that a step may need at most behind the films shown."""
        config, parts = self._config, self.parts
        texts = config.max_thought_tokens * parts.thinks + config.max_plan_tokens * parts.plans
        reflecting = (config.max_reflection_tokens * (config.reflections + 1) + 2 * _TITLE) * parts.reflects
        titles = _TITLE * 2 * config.advice * parts.criticises + max(_TITLE, config.max_title_tokens)
        letters = 1 if getattr(self._backend, "scores_tries", True) else _LETTERS
        return letters * (texts + reflecting + titles) + self.script.fixed
