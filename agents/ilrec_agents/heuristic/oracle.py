"""Oracles: they look at what the simulator hides. Upper bounds, not agents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Infos, ItemScoringAgent, Observations


class OracleGreedyAgent(ItemScoringAgent):
    """The item with the highest true rating, without a thought of satiation."""

    name = "oracle_greedy"
    family = "oracle"
    sees_truth = True

    def item_scores(self, observations: Observations, infos: Infos) -> NDArray[np.floating]:
        """R(u, i), clipped to the scale."""
        return np.clip(self.task.truth.scenario.truth.predict_all(infos["user_index"]), *self.task.rating_scale)


@dataclass(frozen=True)
class OracleOneStepConfig:
    """Settings of ``oracle_one_step``.

    Attributes:
        foresight: How often satiation counts: 1 is the rating of the next step, 2 also spares the steps after it.
    """

    foresight: float = 1.0


class OracleOneStepAgent(OracleGreedyAgent):
    """The item that will get the highest rating at this step: true rating minus satiation."""

    name = "oracle_one_step"
    info = ("action_mask", "history")
    Config = OracleOneStepConfig

    def item_scores(self, observations: Observations, infos: Infos) -> NDArray[np.floating]:
        """R(u, i) - half kappa (e_i . g), the memory g rebuilt from the session's history."""
        kappa = self.task.truth.user_model.kappa * self.config.foresight
        similar = self._memory(infos["history_items"]) @ self.task.catalogue.vectors.T
        return super().item_scores(observations, infos) - self.task.half * kappa * similar

    def _memory(self, history: NDArray[np.integer]) -> NDArray[np.float64]:
        memory = np.zeros((len(history), self.task.catalogue.vectors.shape[1]))
        for items in history.T[: int((history >= 0).sum(axis=1).max(initial=0))]:
            played = items >= 0
            memory[played] = (
                self.task.truth.user_model.lam * memory[played] + self.task.catalogue.vectors[items[played]]
            )
        return memory
