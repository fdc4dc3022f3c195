"""What a teacher is made of: the modules that it has, with all that they share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from ilrec_agents.llm.backend import Backend
from ilrec_agents.llm.grounding import make_grounding
from ilrec_agents.llm.grounding.base import Grounding, Material, Titles
from ilrec_agents.llm.grounding.trie import Tokens
from ilrec_agents.llm.memory.encoder import Encoder, make_encoder
from ilrec_agents.llm.modules.critic import Critic
from ilrec_agents.llm.modules.planner import Planner
from ilrec_agents.llm.modules.reflector import Reflector
from ilrec_agents.llm.modules.thinker import Thinker
from ilrec_agents.llm.teachers.config import TeacherConfig
from ilrec_agents.llm.teachers.lockstep import LockStep
from ilrec_agents.llm.teachers.memories import Memories
from ilrec_agents.llm.teachers.parts import Parts
from ilrec_agents.llm.teachers.plans import Plans
from ilrec_agents.llm.teachers.script import Script, TeacherPrompt
from ilrec_agents.llm.teachers.session import Session
from ilrec_agents.task import Task

_LETTERS = 6  # characters of a token that is written, where a back-end counts characters


class Assembly:
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

    def forget(self) -> None:
        """Drop what is kept of running sessions; memories stay."""
        for part in ("lockstep", "plans"):
            if part in vars(self):  # what was never made keeps nothing
                getattr(self, part).forget()
        self._beginnings.clear()

    @cached_property
    def lockstep(self) -> LockStep:
        """The kept contexts."""
        return LockStep(
            self._backend,
            self.script,
            lambda user: self.began(user)[0],
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

    @cached_property
    def plans(self) -> Plans:
        """Of running sessions."""
        return Plans(self.planner, self.lockstep, self._config.plan_every, self._lessons, self.script.lessons)

    @cached_property
    def planner(self) -> Planner:
        """Writes plans."""
        return Planner(self._backend, self.script.speech("planner", self._config.max_plan_tokens))

    @cached_property
    def thinker(self) -> Thinker:
        """Writes thoughts."""
        return Thinker(self._backend, self.script.speech("thinker", self._config.max_thought_tokens))

    def began(self, user: int) -> tuple[Tokens, tuple[str, ...]]:
        """What is read when a viewer's session begins, and the lessons in it."""
        if user not in self._beginnings:
            lessons: list[str] = []
            if self.parts.reflects and not self.parts.plans:
                (lessons,) = self.memories.lessons([self.script.situation(Session(0, 0, user, (), ()))])
            self._beginnings[user] = (*self.script.profile(user), *self.script.lessons(lessons)), tuple(lessons)
        return self._beginnings[user]

    def _lessons(self, sessions: Sequence[Session]) -> list[list[str]]:
        if not self.parts.reflects:
            return [[] for _ in sessions]
        return self.memories.lessons([self.script.situation(session) for session in sessions])

    @cached_property
    def _reserve(self) -> int:
        """Tokens that a step may need at most behind the films shown."""
        config, parts, title = self._config, self.parts, self.script.longest_title
        letter = 1 if self._backend.scores_tries else _LETTERS
        written = config.max_thought_tokens * parts.thinks + config.max_plan_tokens * parts.plans
        written += config.max_reflection_tokens * (config.reflections + 1) * parts.reflects
        told = 2 * title * (config.advice * parts.criticises + parts.reflects)
        return letter * written + told + max(title, letter * config.max_title_tokens) + self.script.fixed
