"""Conservative Q-learning on logged sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.checks import number, one_of, whole
from ilrec_agents.offline.d3rlpy_agent import D3RLPyAgent, OfflineConfig
from ilrec_agents.offline.episodes import SessionDataset

if TYPE_CHECKING:
    from ilrec_agents.offline.batches import Batches

SCALINGS = ("standard", "scale", "none")


@dataclass(frozen=True)
class CQLConfig(OfflineConfig):
    """Settings of ``cql``, besides those of every offline agent.

    Attributes:
        gamma: Discount of the step after the next.
        alpha: Weight of the conservative term. It is to be seen beside rewards of standard deviation 1.
        target_update_interval: Updates between two copies of Q into the target network.
        reward_scaling: "standard": rewards get mean 0 and standard deviation 1 over the dataset, so that staying pays
            nothing by itself; "scale": standard deviation 1 and the mean kept in proportion; "none". Rewards that are
            all equal are left as they are.
    """

    gamma: float = 0.95
    alpha: float = 0.1
    target_update_interval: int = 200
    reward_scaling: str = "standard"

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "gamma", high=1.0)
        number(self, "alpha")
        whole(self, "target_update_interval")
        one_of(self, "reward_scaling", SCALINGS)


class CQLAgent(D3RLPyAgent):
    """Double Q-learning on logged sessions that keeps the values of actions low which the log does not show.

    L = huber(r + gamma Q'(s', argmax_a Q(s', a)) - Q(s, a))  +  alpha (log sum_b exp Q(s, b) - Q(s, a))
    """

    name = "cql"
    source = "Kumar et al., NeurIPS 2020"
    Config = CQLConfig
    config: CQLConfig

    def _algorithm(self, d3rlpy: Any, batches: Batches) -> Any:
        from ilrec_agents.offline.d3rlpy_parts import ScoresFactory, ScoresQFunctionFactory

        algorithm = d3rlpy.algos.DiscreteCQLConfig(
            learning_rate=self.config.learning_rate,
            optim_factory=self._optimizer(d3rlpy),
            encoder_factory=ScoresFactory(lambda: self._fresh_network(batches.observations)),
            q_func_factory=ScoresQFunctionFactory(),
            batch_size=self.config.batch_size,
            gamma=self.config.gamma,
            target_update_interval=self.config.target_update_interval,
            alpha=self.config.alpha,
        ).create(device=str(batches.device))
        algorithm.create_impl((self.task.layout.size,), self.task.n_actions)
        return algorithm

    def _scores_of(self, algorithm: Any) -> Any:
        return algorithm.impl.q_function[0].network

    def _rewards(self, dataset: SessionDataset) -> NDArray[np.float32]:
        rewards = super()._rewards(dataset).astype(np.float64)
        std = rewards.std()
        if self.config.reward_scaling == "none" or std < 1e-6:
            return rewards.astype(np.float32)
        shift = rewards.mean() if self.config.reward_scaling == "standard" else 0.0
        return ((rewards - shift) / std).astype(np.float32)
