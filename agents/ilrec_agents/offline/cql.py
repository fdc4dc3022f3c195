"""Conservative Q-learning on logged sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ilrec_agents.checks import number
from ilrec_agents.offline.value_agent import TargetConfig, ValueAgent

if TYPE_CHECKING:
    from ilrec_agents.offline.batches import Batches


@dataclass(frozen=True)
class CQLConfig(TargetConfig):
    """Settings of ``cql``, besides those of agents that learn values with a target network.

    Attributes:
        alpha: Weight of the conservative term. It is to be seen beside rewards of standard deviation 1.
    """

    alpha: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "alpha")


class CQLAgent(ValueAgent):
    """Double Q-learning on logged sessions that keeps the values of actions low which the log does not show.

    L = huber(r + gamma Q'(s', argmax_a Q(s', a)) - Q(s, a))  +  alpha (log sum_b exp Q(s, b) - Q(s, a))
    """

    name = "cql"
    source = "Kumar et al., NeurIPS 2020"
    Config = CQLConfig
    config: CQLConfig

    def _algorithm(self, d3rlpy: Any, batches: Batches) -> Any:
        return self._algorithm_of(
            d3rlpy.algos.DiscreteCQLConfig,
            batches,
            **self._q_settings(d3rlpy, batches),
            target_update_interval=self.config.target_update_interval,
            alpha=self.config.alpha,
        )
