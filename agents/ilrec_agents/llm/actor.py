"""The language model as an agent: it writes a short reason and recommends one of the titles on offer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Actions, Agent, Infos, Observations, allowed
from ilrec_agents.llm.backend import Backend, Context
from ilrec_agents.llm.backends import make_backend
from ilrec_agents.llm.config import LLMConfig
from ilrec_agents.llm.grounding.choice import Baseline, Chooser, Offer, chances, drawn
from ilrec_agents.llm.grounding.trie import Tokens
from ilrec_agents.llm.offer import check_history, everything, retrieved
from ilrec_agents.llm.prompt import Prompt
from ilrec_agents.llm.viewers import Viewers
from ilrec_agents.llm.wording import Wording
from ilrec_agents.task import Task
from ilrec_gym.simulation.draws import AGENT, uniform

_ENDS = ".!?;:(\n"  # where a reason ends


@dataclass(frozen=True)
class Thought:
    """What the model made of one row.

    Attributes:
        scores: ``(C,)`` of the titles on offer, nats per token.
        reason: Tokens of the reason.
        read: Tokens read.
        written: Tokens written, those of every title included (C,).
        left_out: Films of the history that did not fit.
    """

    scores: NDArray[np.float64]
    reason: Tokens
    read: int
    written: NDArray[np.int64]
    left_out: int


class LLMAgent(Agent):
    """A local language model writes a reason and picks the title that suits this viewer more than everybody.

    Every row costs three things per step: reading the last films of the session, writing the reason, and one pass over
    the trie of the titles on offer. What is known of the viewer is read once.
    """

    name = "llm"
    family = "llm"
    extra = "llm"
    info = ("action_mask", "history")
    Config = LLMConfig

    def __init__(
        self, task: Task, config: LLMConfig, *, seed: int = 0, device: str = "auto", backend: Backend | None = None
    ) -> None:
        super().__init__(task, config, seed=seed, device=device)
        self.prompt = Prompt.load(config.prompt)
        self._given = backend
        self._notes: list[dict[str, Any]] | None = None

    def act(self, observations: Observations, infos: Infos) -> Actions:
        """Reason and choose in every row that still runs."""
        check_history(self.name, infos)
        began = time.perf_counter()
        places = self._places(observations, infos)
        free = np.take_along_axis(allowed(infos, (len(observations), self.task.n_actions)), places, axis=1)
        rows = np.flatnonzero(infos.get("running", np.ones(len(observations), bool)))
        actions = places[:, 0].copy()
        notes: list[dict[str, Any]] = [{} for _ in observations]
        self._notes = notes
        if not len(rows):
            return actions
        thoughts = self._think(infos, rows, infos["candidates"] if self.task.n_candidates else places, free)
        spent = 1000 * (time.perf_counter() - began) / len(rows)
        draws = uniform(infos["seed"], infos["session"], AGENT, infos["step"], lane=self.seed)
        for row, thought in zip(rows, thoughts, strict=True):
            odds = chances(thought.scores, self.config.temperature)
            choice = drawn(odds, float(draws[row]))
            actions[row] = places[row, choice]
            notes[row] = self._note(thought, choice, odds[choice], spent)
        return actions

    def explain(self) -> list[dict[str, Any]] | None:
        """Per row: reason, score, propensity, tokens (of them in and out), ms; an empty dict where no session runs."""
        return self._notes

    def facts(self) -> dict[str, Any]:
        """Model, where it came from, number format and prompt, for cards."""
        return {**self.backend.facts(), "prompt": self.prompt.version}

    @cached_property
    def backend(self) -> Backend:
        """The model, loaded (and fetched, the first time) when it is needed."""
        if self._given is not None:
            return self._given
        return make_backend(self.config, self.device)

    def _think(
        self, infos: Infos, rows: NDArray[np.int64], offered: NDArray[np.integer], free: NDArray[np.bool_]
    ) -> list[Thought]:
        users = infos["user_index"][rows]
        context, opened = self._viewers.context(users)
        start = context.mark()
        steps = [self._step(infos, row, int(length)) for row, length in zip(rows, context.lengths, strict=True)]
        context.append([tokens for tokens, _ in steps])
        reasons = self._reasons(context)
        context.append([self._wording.asking] * len(rows))
        offers = [Offer.of([self._wording.title(int(i)) for i in offered[row]], self.backend.end) for row in rows]
        reader = context.reader([offer.trie for offer in offers])
        ahead = -self.config.order * np.log1p(np.arange(offered.shape[1]))
        scores = self._chooser.scores(reader, offers, free[rows], ahead)
        context.rewind(start)
        asked = len(self._wording.reason) + len(self._wording.asking)
        read = opened + [len(tokens) + asked for tokens, _ in steps] + reader.read
        return [
            Thought(scores[i], reasons[i], int(read[i]), offer.trie.lengths, steps[i][1])
            for i, offer in enumerate(offers)
        ]

    def _reasons(self, context: Context) -> list[Tokens]:
        if not self._wording.reason:
            return [()] * context.rows
        before = context.mark()
        context.append([self._wording.reason] * context.rows)
        reasons = context.write(self.config.max_reason_tokens, self._stops)
        if not self.config.reason_guides:
            context.rewind(before)
        return reasons

    def _step(self, infos: Infos, row: int, read: int) -> tuple[Tokens, int]:
        now = int(infos["step"][row])
        films = [
            (int(infos["history_items"][row, t]), float(infos["history_ratings"][row, t]))
            for t in range(max(0, now - self.config.history), now)
        ]
        return self._wording.step(int(infos["user_index"][row]), films, read)

    def _places(self, observations: Observations, infos: Infos) -> NDArray[np.int64]:
        """Actions ``(B, C)`` to choose among: what is on offer, or the public retriever's first of everything."""
        if self.task.n_candidates:
            return everything(self.task, observations)
        return retrieved(self.task, observations, infos)

    def _note(self, thought: Thought, choice: int, odds: float, spent: float) -> dict[str, Any]:
        said = self.prompt.step["reason"] + self.backend.decode(thought.reason)
        written = len(thought.reason) + int(thought.written[choice])
        note = {
            "reason": said.strip(" -\n") if thought.reason else "",
            "score": round(float(thought.scores[choice]), 4),
            "propensity": float(odds),
            "tokens": thought.read + written,
            "tokens_in": thought.read,
            "tokens_out": written,
            "ms": round(spent, 3),
        }
        return note | ({"history_left_out": thought.left_out} if thought.left_out else {})

    @cached_property
    def _wording(self) -> Wording:
        return Wording(self.task, self.config, self.prompt, self.backend)

    @cached_property
    def _viewers(self) -> Viewers:
        return Viewers(self.backend, self.prompt.opening, self._wording.profile)

    @cached_property
    def _chooser(self) -> Chooser:
        baseline = Baseline(self._viewers.others(self._wording.everybody))
        return Chooser(baseline, self.config.correction, self.config.shortlist)

    @cached_property
    def _stops(self) -> frozenset[int]:
        return self.backend.holding(_ENDS) | {self.backend.end}
