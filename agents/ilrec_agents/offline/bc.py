"""Behaviour cloning of demonstrations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ilrec_agents.checks import number
from ilrec_agents.offline.d3rlpy_agent import D3RLPyAgent
from ilrec_agents.offline.offline_agent import OfflineConfig

if TYPE_CHECKING:
    from ilrec_agents.offline.batches import Batches


@dataclass(frozen=True)
class BCConfig(OfflineConfig):
    """Settings of ``bc``, besides those of every offline agent.

    Attributes:
        beta: Weight of the penalty on log-probabilities, the mean of their squares.
    """

    updates: int = 500
    beta: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "beta")


class BCAgent(D3RLPyAgent):
    """Takes the action that the dataset's policy would most likely take.

    L = -log pi(a | s)  +  beta mean_b (log pi(b | s))^2
    """

    name = "bc"
    source = "Pomerleau, 1991"
    Config = BCConfig
    config: BCConfig
    estimates_values = False

    def _algorithm(self, d3rlpy: Any, batches: Batches) -> Any:
        from ilrec_agents.offline.d3rlpy_parts import ScoresBC, ScoresFactory

        config = d3rlpy.algos.DiscreteBCConfig(
            learning_rate=self.config.learning_rate,
            optim_factory=self._optimizer(d3rlpy),
            encoder_factory=ScoresFactory(lambda: self._fresh_network(batches.observations)),
            batch_size=self.config.batch_size,
            beta=self.config.beta,
        )
        algorithm = ScoresBC(config, str(batches.device), False)
        algorithm.create_impl((self.task.layout.size,), self.task.n_actions)
        return algorithm

    def _scores_of(self, algorithm: Any) -> Any:
        return algorithm.impl.modules.imitator.network
