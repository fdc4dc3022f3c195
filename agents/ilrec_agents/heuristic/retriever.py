"""The public retriever as an agent: its first item, or a uniform choice among those it offers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Infos, ItemScoringAgent, Observations, StochasticAgent, allowed
from ilrec_agents.checks import number, whole
from ilrec_agents.heuristic.personal import MMRAgent
from ilrec_agents.task import Task
from ilrec_gym.envs.retriever import WEIGHT
from ilrec_gym.errors import UsageError


class RetrieverTop1Agent(MMRAgent):
    """The first item on offer. Over the whole catalogue it is ``mmr``."""

    name = "retriever_top1"

    def scores(self, observations: Observations, infos: Infos) -> NDArray[np.floating]:
        """Places on offer, best first."""
        if self.task.n_candidates:
            return np.tile(-np.arange(self.task.n_candidates, dtype=float), (len(observations), 1))
        return super().scores(observations, infos)


@dataclass(frozen=True)
class RetrieverRandomConfig:
    """Settings of ``retriever_random``.

    Attributes:
        n: How many of the retriever's first items are drawn from where the whole catalogue is on offer;
            at most all of them.
        similarity_weight: The retriever's weight of similarity, in half scales.
    """

    n: int = 20
    similarity_weight: float = WEIGHT

    def __post_init__(self) -> None:
        whole(self, "n")
        number(self, "similarity_weight")


class RetrieverRandomAgent(StochasticAgent):
    """Uniform among the items that the retriever offers: what every chooser must be compared with."""

    name = "retriever_random"
    Config = RetrieverRandomConfig

    def __init__(self, task: Task, config: RetrieverRandomConfig, *, seed: int = 0, device: str = "auto") -> None:
        super().__init__(task, config, seed=seed, device=device)
        if not task.n_candidates and config.n > task.n_actions:
            raise UsageError(
                f"n must be at most {task.n_actions}, the items of the catalogue",
                received=config.n,
                cause="a small catalogue, or a slip",
                fix=f"make it with n={task.n_actions} or fewer",
            )

    def probabilities(self, observations: Observations, infos: Infos) -> NDArray[np.float64]:
        """The same for every item on offer."""
        mask = allowed(infos, (len(observations), self.task.n_actions))
        if not self.task.n_candidates:
            mask = mask & self._first(observations, infos, mask)
        return mask / mask.sum(axis=1, keepdims=True)

    def _first(self, observations: Observations, infos: Infos, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        ranking: ItemScoringAgent = MMRAgent(self.task, self.config)
        scores = np.where(mask, ranking.item_scores(observations, infos), -np.inf)
        best = np.argpartition(-scores, self.config.n - 1, axis=1)[:, : self.config.n]
        chosen = np.zeros_like(mask)
        np.put_along_axis(chosen, best, True, axis=1)
        return chosen
