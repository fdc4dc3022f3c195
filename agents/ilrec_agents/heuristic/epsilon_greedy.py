"""Mostly the best by a public score, now and then anything: every action has a known chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Infos, Observations, ScoringAgent, StochasticAgent, allowed
from ilrec_agents.checks import number, one_of
from ilrec_agents.heuristic.constant import BestAverageAgent, PopularAgent
from ilrec_agents.heuristic.personal import GreedyAgent, MMRAgent, PlaylistAgent
from ilrec_agents.task import Task

SCORES: dict[str, type[ScoringAgent]] = {
    cls.name: cls for cls in (GreedyAgent, MMRAgent, PlaylistAgent, BestAverageAgent, PopularAgent)
}


@dataclass(frozen=True)
class EpsilonGreedyConfig:
    """Settings of ``epsilon_greedy``.

    Attributes:
        epsilon: Share of uniform choices, among all allowed actions.
        scores: The agent whose best action is taken otherwise: greedy, mmr, playlist, best_average or popular.
    """

    epsilon: float = 0.1
    scores: str = "greedy"

    def __post_init__(self) -> None:
        number(self, "epsilon", high=1.0)
        one_of(self, "scores", SCORES)


class EpsilonGreedyAgent(StochasticAgent):
    """The best action by public scores; with probability epsilon any allowed one.

    pi(a) = epsilon / n  +  (1 - epsilon) [a = argmax_b score(b)],   n allowed actions
    """

    name = "epsilon_greedy"
    source = "Sutton and Barto, 2018"
    Config = EpsilonGreedyConfig

    def __init__(self, task: Task, config: EpsilonGreedyConfig, *, seed: int = 0, device: str = "auto") -> None:
        super().__init__(task, config, seed=seed, device=device)
        scored_by = SCORES[config.scores]
        self._greedy = scored_by(task, scored_by.Config())

    def probabilities(self, observations: Observations, infos: Infos) -> NDArray[np.float64]:
        """The share epsilon / n everywhere allowed, the rest on the best."""
        epsilon, mask = self.config.epsilon, allowed(infos, (len(observations), self.task.n_actions))
        best = self._greedy.act(observations, infos)[:, None]
        probabilities = np.where(mask, epsilon / mask.sum(axis=1, keepdims=True), 0.0)
        np.put_along_axis(probabilities, best, np.take_along_axis(probabilities, best, axis=1) + 1 - epsilon, axis=1)
        return probabilities
