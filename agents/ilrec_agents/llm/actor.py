"""The language model as an agent: it writes a short reason and recommends one of the titles on offer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Actions, Infos, Observations
from ilrec_agents.llm.agent import Asked, LanguageAgent, Said
from ilrec_agents.llm.backend import Backend, Context
from ilrec_agents.llm.config import LLMConfig
from ilrec_agents.llm.grounding.choice import Baseline, Chooser, Offer, chances, drawn
from ilrec_agents.llm.grounding.trie import Tokens
from ilrec_agents.llm.offer import everything, ranks, retrieved
from ilrec_agents.llm.prompt import Prompt
from ilrec_agents.llm.viewers import Viewers
from ilrec_agents.llm.wording import Wording
from ilrec_agents.task import Task

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


class LLMAgent(LanguageAgent):
    """A local language model writes a reason and picks the title that suits this viewer more than everybody.

    Every row costs three things per step: reading the last films of the session, writing the reason, and one pass over
    the trie of the titles on offer. What is known of the viewer is read once.
    """

    name = "llm"
    Config = LLMConfig

    def __init__(
        self, task: Task, config: LLMConfig, *, seed: int = 0, device: str = "auto", backend: Backend | None = None
    ) -> None:
        super().__init__(task, config, seed=seed, device=device, backend=backend)
        self.prompt = Prompt.load(config.prompt)

    def act(self, observations: Observations, infos: Infos) -> Actions:
        """Reason and choose in every row that still runs."""
        return self._turn(observations, infos, lambda asked: self._decided(observations, infos, asked))

    def forget(self) -> None:
        """Drop what was read of the present viewers."""
        if "_viewers" in vars(self):
            self._viewers.forget()

    def _decided(self, observations: Observations, infos: Infos, asked: Asked) -> list[Said]:
        thoughts = self._think(infos, asked, self._ahead(observations, infos, asked))
        decided = []
        for thought, draw in zip(thoughts, asked.draws, strict=True):
            odds = chances(thought.scores, self.config.temperature)
            choice = drawn(odds, float(draw))
            decided.append(Said(choice, self._note(thought, choice, odds[choice])))
        return decided

    def _think(self, infos: Infos, asked: Asked, ahead: NDArray[np.float64] | float) -> list[Thought]:
        rows, offered = asked.rows, asked.offered
        context, opened = self._viewers.context(infos["user_index"][rows])
        start = context.mark()
        steps = [self._step(infos, row, int(length)) for row, length in zip(rows, context.lengths, strict=True)]
        context.append([tokens for tokens, _ in steps])
        reasons = self._reasons(context)
        context.append([self._wording.asking] * len(rows))
        offers = [Offer.of([self._wording.title(int(i)) for i in items], self.backend.end) for items in offered]
        reader = context.reader([offer.trie for offer in offers])
        scores = self._chooser.scores(reader, offers, asked.free, ahead)
        context.rewind(start)
        asking = len(self._wording.reason) + len(self._wording.asking)
        read = opened + [len(tokens) + asking for tokens, _ in steps] + reader.read
        return [
            Thought(scores[i], reasons[i], int(read[i]), offer.trie.lengths, steps[i][1])
            for i, offer in enumerate(offers)
        ]

    def _ahead(self, observations: Observations, infos: Infos, asked: Asked) -> NDArray[np.float64] | float:
        """What is added to the scores ``(R, S)`` for the order in which the films are offered."""
        if not self.config.order:
            return 0.0
        rows = asked.rows
        places = ranks(self.task, observations[rows], {k: v[rows] for k, v in infos.items()}, asked.places, asked.free)
        return -self.config.order * np.log1p(places)

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

    def _note(self, thought: Thought, choice: int, odds: float) -> dict[str, Any]:
        said = self.prompt.step["reason"] + self.backend.decode(thought.reason)
        written = len(thought.reason) + int(thought.written[choice])
        note = {
            "reason": said.strip(" -\n") if thought.reason else "",
            "score": round(float(thought.scores[choice]), 4),
            "propensity": float(odds),
            "tokens": thought.read + written,
            "tokens_in": thought.read,
            "tokens_out": written,
        }
        return note | ({"history_left_out": thought.left_out} if thought.left_out else {})

    @cached_property
    def _wording(self) -> Wording:
        return Wording(self.task, self.config, self.prompt, self.backend)

    @cached_property
    def _viewers(self) -> Viewers:
        opening = self.prompt.opening_text(self.task.rating_scale[1])
        return Viewers(self.backend, opening, self._wording.profile)

    @cached_property
    def _chooser(self) -> Chooser:
        wording, weight = self._wording, self.config.correction
        baseline = Baseline(self._viewers.others(wording.everybody, wording.longest_title)) if weight else None
        return Chooser(baseline, weight, self.config.shortlist)

    @cached_property
    def _stops(self) -> frozenset[int]:
        return self.backend.holding(_ENDS) | {self.backend.end}
