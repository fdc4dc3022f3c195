"""Conservative Q-learning with points as actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ilrec_agents.checks import number, whole
from ilrec_agents.offline.continuous.agent import ContinuousAgent, ContinuousConfig

if TYPE_CHECKING:
    from ilrec_agents.offline.batches import Batches


@dataclass(frozen=True)
class ContinuousCQLConfig(ContinuousConfig):
    """Settings of ``continuous_cql``, besides those of every agent that points at items.

    Attributes:
        alpha: Weight of the conservative term. It is to be seen beside rewards of standard deviation 1.
        n_action_samples: Points of the policy, here and at the next step, and uniform ones, which stand for all.
        temperature: Weight of the policy's entropy. A narrow policy leaves its own points out of the conservative term,
            and their values grow.
    """

    updates: int = 3000
    alpha: float = 0.1
    n_action_samples: int = 4
    temperature: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "alpha")
        number(self, "temperature", open_low=True)
        whole(self, "n_action_samples")


class ContinuousCQLAgent(ContinuousAgent):
    """An actor-critic that keeps the values of points low which the log does not show.

    L_critic = (r + gamma min_j Q'_j(s', a(s')) - Q_j(s, a))^2  +  alpha (log sum_b exp Q_j(s, b) - Q_j(s, a))
    L_actor = temperature log pi(b | s) - min_j Q_j(s, b),  b ~ pi
    """

    name = "continuous_cql"
    source = "Kumar et al., NeurIPS 2020"
    Config = ContinuousCQLConfig
    config: ContinuousCQLConfig

    def _algorithm(self, d3rlpy: Any, batches: Batches) -> Any:
        return self._made(
            d3rlpy.algos.CQLConfig,
            batches,
            initial_temperature=self.config.temperature,
            temp_learning_rate=0.0,  # both weights stay as they are given
            alpha_learning_rate=0.0,
            initial_alpha=1.0,
            alpha_threshold=0.0,
            conservative_weight=self.config.alpha,
            n_action_samples=self.config.n_action_samples,
        )
