"""What language models say of their decisions while they play, as means over all of them."""

from __future__ import annotations

from typing import Any

from ilrec_agents.base import Actions, Agent, Infos, Observations

TOLD = ("outside", "repeated", "tokens_in", "tokens_out")
"""Proposals that are no title of the catalogue, and that were shown before (0 or 1); tokens read and written."""


class Telling:
    """A policy that plays as an agent does, and counts what it explains.

    Args:
        agent: The agent.
    """

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._sums, self._counts = dict.fromkeys(TOLD, 0.0), dict.fromkeys(TOLD, 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._agent, name)

    def act(self, observations: Observations, infos: Infos) -> Actions:
        """The agent's choice in every row."""
        actions = self._agent.act(observations, infos)
        for note in self._agent.explain() or []:
            for name in note.keys() & set(TOLD):
                self._sums[name] += float(note[name])
                self._counts[name] += 1
        return actions

    @property
    def facts(self) -> dict[str, float]:
        """The mean of each over the decisions that told it; what none told is left out."""
        return {name: self._sums[name] / count for name, count in self._counts.items() if count}
