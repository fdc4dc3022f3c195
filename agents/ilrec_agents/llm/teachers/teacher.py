"""The teacher: a language model as an agent, put together from modules that a subclass names."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Actions, Infos, Observations, Watch
from ilrec_agents.llm.agent import Asked, LanguageAgent, Said
from ilrec_agents.llm.backend import Backend
from ilrec_agents.llm.offer import SHORTLIST, everything, retrieved
from ilrec_agents.llm.teachers.config import TeacherConfig
from ilrec_agents.llm.teachers.deciding import Decider
from ilrec_agents.llm.teachers.notes import note, tokens
from ilrec_agents.llm.teachers.parts import Parts
from ilrec_agents.llm.teachers.script import TeacherPrompt
from ilrec_agents.llm.teachers.session import Session
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError
from ilrec_gym.files import read_json, write_json

HISTORY = "history.json"


class Teacher(LanguageAgent):
    """A language model that plays sessions. Subclasses say which modules it has.

    Attributes:
        parts: Which modules it has.
        history: Per group of training sessions, how many there were so far, and their mean ``return`` and ``length``.
    """

    Config = TeacherConfig
    parts: ClassVar[Parts] = Parts()
    history: list[dict[str, float]]

    def __init__(
        self, task: Task, config: TeacherConfig, *, seed: int = 0, device: str = "auto", backend: Backend | None = None
    ) -> None:
        super().__init__(task, config, seed=seed, device=device, backend=backend)
        self.prompt = TeacherPrompt.load(config.prompt)
        self._ready, self.history = self.learns_from == "nothing", []

    @classmethod
    def draws_with(cls, config: TeacherConfig) -> bool:
        """Whether titles are drawn here, or words where the model runs."""
        return super().draws_with(config) or bool(config.backend_options.get("temperature"))

    def act(self, observations: Observations, infos: Infos, *, graded: bool | None = None) -> Actions:
        """Decide in every row that still runs; memories are only read.

        Args:
            observations: As :meth:`Agent.act` has them.
            infos: As there, with the history.
            graded: Whether the critic grades every situation; None: as the settings say.
        """
        if not self._ready:
            raise UsageError(
                f"the agent {self.name!r} must have learned before it acts",
                fix="call fit(env), or load a saved one; training_sessions=0 leaves its memories empty",
            )
        graded = self.config.critic_always if graded is None else graded
        return self._turn(observations, infos, lambda asked: self._decided(infos, asked, graded))

    def fit(self, source: Any = None, *, watch: Watch | None = None) -> Self:
        """Play training sessions and remember what they teach; agents without memories have nothing to learn.

        Args:
            source: The environment that the agent is made for, with train users.
            watch: Looks on after groups of sessions.

        Raises:
            UsageError: Not that environment, wrappers, or test users without leave.
        """
        if self.learns_from == "nothing":
            return self
        from ilrec_agents.llm.teachers.training import train

        self._ready, self.history = True, []
        self.decider.memories.clear()
        self.forget()
        try:
            train(self, source, watch)
        except BaseException:
            self._ready = False  # half of the memories would pass for all of them
            raise
        return self

    def facts(self) -> dict[str, Any]:
        """Model, where it came from, number format, prompt and grounding, for cards."""
        return {**super().facts(), "grounding": self.config.grounding}

    def forget(self) -> None:
        """Drop what is kept of running sessions; memories stay."""
        if "decider" in vars(self):
            self.decider.forget()

    @cached_property
    def decider(self) -> Decider:
        """The modules, put together."""
        return Decider(self.task, self.config, self.parts, self.prompt, self.backend, self.device)

    def _places(self, observations: Observations, infos: Infos) -> NDArray[np.int64]:
        """Actions ``(B, S)`` to choose among: what is on offer, or of the whole catalogue what the grounding can take.

        Likelihood scores titles one by one, so it gets the public retriever's first; the others get everything.
        """
        if not self.task.n_candidates and self.config.grounding == "likelihood" and self.task.n_actions > SHORTLIST:
            return retrieved(self.task, observations, infos)
        return everything(self.task, observations)

    def _decided(self, infos: Infos, asked: Asked, graded: bool) -> list[Said]:
        sessions, before = [Session.of(infos, int(row)) for row in asked.rows], self.backend.usage
        steps = self.decider.decide(sessions, asked.offered, asked.free, asked.draws, graded=graded)
        spent = tokens(self.backend, before, steps)
        return [
            Said(step.choice.place, note(self.decider.script, self.backend, session, step, mine))
            for session, step, mine in zip(sessions, steps, spent, strict=True)
        ]

    def _save_learned(self, folder: Path) -> None:
        if not self._ready:
            raise UsageError(f"the agent {self.name!r} must have learned before it is saved", fix="call fit(env)")
        if self.learns_from != "nothing":
            self.decider.memories.save(folder)
            write_json(folder / HISTORY, self.history)

    def _load_learned(self, folder: Path) -> None:
        if self.learns_from != "nothing":
            self.decider.memories.load(folder)
            self.history = read_json(folder / HISTORY)
        self._ready = True
