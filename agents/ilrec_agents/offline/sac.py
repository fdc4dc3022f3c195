"""Soft actor-critic for discrete actions on logged sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ilrec_agents.checks import number, whole
from ilrec_agents.offline.value_agent import TargetConfig, ValueAgent

if TYPE_CHECKING:
    from ilrec_agents.offline.batches import Batches


@dataclass(frozen=True)
class SACConfig(TargetConfig):
    """Settings of ``sac``, besides those of agents that learn values with a target network.

    Attributes:
        n_critics: Q networks; the lowest of them counts.
        temperature: alpha at the start: what a unit of entropy is worth, beside rewards of standard deviation 1.
        temperature_rate: Learning rate of alpha, which then moves so that the policy's entropy is 0.98 times that of a
            uniform choice; 0 keeps alpha as it is.
    """

    updates: int = 1000
    n_critics: int = 2
    temperature: float = 0.1
    temperature_rate: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, "n_critics")
        number(self, "temperature", open_low=True)
        number(self, "temperature_rate")


class SACAgent(ValueAgent):
    """Discrete soft actor-critic on logged sessions; takes the action that its policy finds likeliest.

    L_Q  = huber(r + gamma pi(s')^T (min Q'(s') - alpha log pi(s')) - Q(s, a))
    L_pi = pi(s)^T (alpha log pi(s) - min Q(s))
    """

    name = "sac"
    source = "Christodoulou, 2019 (arXiv 1910.07207)"
    Config = SACConfig
    config: SACConfig
    estimates_values = False
    over_catalogues = "towers"

    def _algorithm(self, d3rlpy: Any, batches: Batches) -> Any:
        from ilrec_agents.offline.d3rlpy_actors import ScoresSACConfig
        from ilrec_agents.offline.d3rlpy_parts import ScoresQFunctionFactory

        return self._algorithm_of(
            ScoresSACConfig,
            batches,
            actor_learning_rate=self.config.learning_rate,
            critic_learning_rate=self.config.learning_rate,
            temp_learning_rate=self.config.temperature_rate,
            actor_optim_factory=self._optimizer(d3rlpy),
            critic_optim_factory=self._optimizer(d3rlpy),
            actor_encoder_factory=self._networks(batches, value=False),
            critic_encoder_factory=self._networks(batches),
            q_func_factory=ScoresQFunctionFactory(masks=False),
            n_critics=self.config.n_critics,
            initial_temperature=self.config.temperature,
            target_update_interval=self.config.target_update_interval,
        )

    def _scores_of(self, algorithm: Any) -> Any:
        return algorithm.impl.policy.network
