"""What agents that learn from a dataset with one of d3rlpy's algorithms share."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.offline.offline_agent import Learner, OfflineAgent
from ilrec_agents.offline.quiet import import_d3rlpy

if TYPE_CHECKING:
    from ilrec_agents.offline.batches import Batches


class D3RLPyAgent(OfflineAgent):
    """Learns from a :class:`SessionDataset` with one of d3rlpy's algorithms and acts by the highest score.

    d3rlpy's ``fit`` builds every batch from single transitions in Python, which takes longer than a step of a small
    network. Here batches are rows of a few arrays, and d3rlpy's own update runs on them.
    """

    @abstractmethod
    def _algorithm(self, d3rlpy: Any, batches: Batches) -> Any:
        """The d3rlpy algorithm, its parameters made."""

    @abstractmethod
    def _scores_of(self, algorithm: Any) -> Any:
        """The part of the algorithm's modules that scores actions."""

    def _learner(self, dataset: SessionDataset, device: Any) -> Learner:
        d3rlpy = import_d3rlpy()
        batches = self._batches(dataset, device)
        algorithm = self._algorithm(d3rlpy, batches)
        return Learner(
            update=lambda step: algorithm.impl.update(batches.draw(), step),
            network=lambda: self._scores_of(algorithm),
        )

    def _optimizer(self, d3rlpy: Any) -> Any:
        from d3rlpy.optimizers.lr_schedulers import CosineAnnealingLRFactory

        return d3rlpy.optimizers.AdamWFactory(
            weight_decay=self.config.weight_decay,
            lr_scheduler_factory=CosineAnnealingLRFactory(T_max=self.config.updates),
        )
