"""What agents that ask a language model share: the rows that are asked, the model, and what is said of a step."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Actions, Agent, Infos, Observations, allowed
from ilrec_agents.llm.backend import Backend
from ilrec_agents.llm.backends import make_backend
from ilrec_agents.llm.offer import check_history
from ilrec_agents.task import Task
from ilrec_gym.simulation.draws import AGENT, uniform


class Asked(NamedTuple):
    """The R rows of a batch that still run.

    Attributes:
        rows: ``(R,)`` where they stand in the batch.
        places: ``(R, S)`` actions to choose among.
        offered: ``(R, S)`` their items.
        free: ``(R, S)`` which of them may be chosen.
        draws: ``(R,)`` uniform numbers from [0, 1), for temperatures above 0.
    """

    rows: NDArray[np.int64]
    places: NDArray[np.int64]
    offered: NDArray[np.integer]
    free: NDArray[np.bool_]
    draws: NDArray[np.float64]


class Said(NamedTuple):
    """What was decided in one row.

    Attributes:
        place: Index into its S places.
        note: What there is to say about it.
    """

    place: int
    note: dict[str, Any]


class LanguageAgent(Agent):
    """An agent over a language model."""

    family = "llm"
    extra = "llm"
    info = ("action_mask", "history")
    prompt: Any

    @classmethod
    def draws_with(cls, config: Any) -> bool:
        """Whether titles are drawn: at temperatures above 0."""
        return bool(config.temperature > 0)

    def __init__(
        self, task: Task, config: Any, *, seed: int = 0, device: str = "auto", backend: Backend | None = None
    ) -> None:
        super().__init__(task, config, seed=seed, device=device)
        self._given = backend
        self._notes: list[dict[str, Any]] | None = None

    def explain(self) -> list[dict[str, Any]] | None:
        """Per row what was read, written and chosen, with tokens and ms; an empty dict where no session runs."""
        return self._notes

    def facts(self) -> dict[str, Any]:
        """Model, where it came from, number format and prompt, for cards."""
        return {**self.backend.facts(), "prompt": self.prompt.version}

    @cached_property
    def backend(self) -> Backend:
        """The model, loaded (and fetched, the first time) when it is needed."""
        return make_backend(self.config, self.device) if self._given is None else self._given

    @abstractmethod
    def forget(self) -> None:
        """Drop what is kept of running sessions; they are read anew."""

    @abstractmethod
    def _places(self, observations: Observations, infos: Infos) -> NDArray[np.int64]:
        """Actions ``(B, S)`` to choose among."""

    def _turn(self, observations: Observations, infos: Infos, decide: Callable[[Asked], Sequence[Said]]) -> Actions:
        """An action in every row, by a decision for those that still run.

        What breaks off a decision may leave half of it in what is kept, so that is dropped: the same step can then be
        asked for again, and the session goes on as if nothing had happened.
        """
        check_history(self.name, infos)
        began = time.perf_counter()
        places = self._places(observations, infos)
        actions = places[:, 0].copy()
        notes: list[dict[str, Any]] = [{} for _ in observations]
        self._notes = notes
        asked = self._asked(places, infos)
        if not len(asked.rows):
            return actions
        try:
            decided = decide(asked)
        except BaseException:
            self.forget()
            raise
        spent = 1000 * (time.perf_counter() - began) / len(decided)
        for row, (place, note) in zip(asked.rows, decided, strict=True):
            actions[row] = places[row, place]
            notes[row] = note | {"ms": round(spent, 3)}
        return actions

    def _asked(self, places: NDArray[np.int64], infos: Infos) -> Asked:
        rows = np.flatnonzero(infos.get("running", np.ones(len(places), bool)))
        free = np.take_along_axis(allowed(infos, (len(places), self.task.n_actions)), places, axis=1)
        offered = infos["candidates"] if self.task.n_candidates else places
        draws = uniform(infos["seed"], infos["session"], AGENT, infos["step"], lane=self.seed)
        return Asked(rows, places[rows], offered[rows], free[rows], draws[rows])
