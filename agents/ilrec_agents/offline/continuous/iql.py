"""Implicit Q-learning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ilrec_agents.checks import number
from ilrec_agents.offline.continuous.agent import ContinuousAgent, ContinuousConfig

if TYPE_CHECKING:
    from ilrec_agents.offline.batches import Batches


@dataclass(frozen=True)
class IQLConfig(ContinuousConfig):
    """Settings of ``iql``, besides those of every agent that points at items.

    Attributes:
        expectile: Of the values that V takes; .5 is their mean, and towards 1 their best.
        weight_temp: Inverse temperature of the weights; 0 clones the log. It shapes the actor, which decides what
            ``nearest`` items Q chooses among; where all on offer are, it changes nothing.
        max_weight: Largest weight.
    """

    expectile: float = 0.7
    weight_temp: float = 3.0
    max_weight: float = 100.0

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "expectile", high=1.0)
        number(self, "weight_temp")
        number(self, "max_weight", open_low=True)


class IQLAgent(ContinuousAgent):
    """Values only what the log shows, and clones what was better than usual.

    L_V = |expectile - [Q < V]| (Q(s, a) - V(s))^2,  L_Q = (r + gamma V(s') - Q(s, a))^2
    L_actor = -min(exp(weight_temp (Q(s, a) - V(s))), max_weight) log pi(a | s),  pi normal around a(s)
    """

    name = "iql"
    source = "Kostrikov et al., ICLR 2022"
    Config = IQLConfig
    config: IQLConfig

    def _algorithm(self, d3rlpy: Any, batches: Batches) -> Any:
        return self._made(
            d3rlpy.algos.IQLConfig,
            batches,
            value_encoder_factory=self._reader(batches),
            expectile=self.config.expectile,
            weight_temp=self.config.weight_temp,
            max_weight=self.config.max_weight,
        )
