"""Sessions by themselves and played again, whatever they were read from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.registry import agent_class
from ilrec_demos.comparison import Comparison, Difference
from ilrec_demos.journal import Session, Step
from ilrec_demos.trace import problems
from ilrec_demos.validation.findings import Report
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.errors import ILRecError

_BATCH = 256
_SLACK = 1e-6  # of a rating at the end of its scale


@dataclass(frozen=True)
class SessionCheck:
    """Checks of sessions that were played in one environment.

    Attributes:
        env: Where.
        report: Gets the findings.
        place_of: Words for where a session lies; a step is added to them.
        words: Whether titles and exit reasons were recorded.
    """

    env: MovieLensEnv
    report: Report
    place_of: Callable[[Session], str]
    words: bool = True

    def steps(self, sessions: Sequence[Session]) -> list[Session]:
        """Look at every step by itself; the sessions that can be played again are returned."""
        return [session for session in sessions if self._session(session)]

    def replay(
        self, sessions: Sequence[Session], *, viewers: Sequence[int] | None, masked: bool, ratings: bool = True
    ) -> list[NDArray[np.float32]]:
        """Play sessions again and report what differs; returns the observations ``(T + 1, d)`` of each.

        Args:
            sessions: Sessions that :meth:`steps` returned.
            viewers: User ids by number; None where they were drawn by seed.
            masked: Whether the agent had to keep to the mask.
            ratings: Whether the ratings are the environment's own.
        """
        places = {session.number: self.place_of(session) for session in sessions}

        def tell(difference: Difference) -> None:
            if ratings or difference.what != "rating":
                self.report.add(f"{places[difference.session]}, step {difference.step}", difference.said)

        observations = []
        for start in range(0, len(sessions), _BATCH):
            group = sessions[start : start + _BATCH]
            played = Comparison(self.env, group, tell, viewers=viewers, masked=masked, reasons=self.words).episodes()
            observations += [episode.observations for episode in played]
            self.report.replayed += len(group)
        return observations

    def _session(self, session: Session) -> bool:
        place, before = self.place_of(session), len(self.report.findings)
        steps = [self._step(f"{place}, step {number}", step) for number, step in enumerate(session.steps, start=1)]
        counts = [step.facts["tokens"] for step in session.steps if isinstance(step.facts.get("tokens"), int)]
        if self.words and counts and before == len(self.report.findings) and session.tokens != sum(counts):
            self.report.add(place, f"tokens {session.tokens}, but those of its steps add up to {sum(counts)}")
        return all(steps)

    def _step(self, where: str, step: Step) -> bool:
        """Report what is wrong with a step by itself; whether it can be played again."""
        low, high = self.env.scenario.rating_scale
        playable = bool(np.isfinite(step.rating))
        if not low - _SLACK <= step.rating <= high + _SLACK:
            self.report.add(where, f"rating {step.rating:g} is outside the scale from {low:g} to {high:g}")
        for name, what in problems(step):
            self.report.add(where, f"{name}: {what}")
        title = self._titles.get(step.item_id)
        if title is None:
            self.report.add(where, f"item {step.item_id} is not in the catalogue")
        elif self.words and step.title != title:
            self.report.add(where, f"title {step.title!r:.80}, but item {step.item_id} is {title!r:.80}")
        if step.candidates is not None:
            playable &= self._offer(where, step, step.candidates)
        return playable

    def _offer(self, where: str, step: Step, candidates: Sequence[int]) -> bool:
        if len(set(candidates)) < len(candidates):
            self.report.add(where, "an item is on offer twice")
        if not 0 <= step.action < len(candidates):
            self.report.add(where, f"action {step.action} is none of the {len(candidates)} on offer")
            return False
        if candidates[step.action] != step.item_id:
            there = "elsewhere in the offer" if step.item_id in candidates else "not on offer"
            what = f"item {step.item_id} is {there}: action {step.action} is item {candidates[step.action]}"
            self.report.add(where, what)
            return False
        return True

    @cached_property
    def _titles(self) -> Mapping[int, str]:
        catalogue = self.env.scenario.catalogue
        return dict(zip(catalogue.ids.tolist(), catalogue.titles, strict=True))


def keeps_to_the_mask(agent: Mapping[str, Any]) -> bool:
    """Whether an agent by the name of a header's ``agent`` asks for the mask; one that is not known here may not."""
    try:
        return "action_mask" in agent_class(str(agent.get("name"))).info
    except ILRecError:
        return False
