"""Critic regularised regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ilrec_agents.checks import number, one_of, whole
from ilrec_agents.offline.continuous.agent import ContinuousAgent, ContinuousConfig

if TYPE_CHECKING:
    from ilrec_agents.offline.batches import Batches

WEIGHTS, ADVANTAGES = ("exp", "binary"), ("mean", "max")


@dataclass(frozen=True)
class CRRConfig(ContinuousConfig):
    """Settings of ``crr``, besides those of every agent that points at items.

    Attributes:
        weight: "exp": exp(A / beta), at most max_weight; "binary": 1 where A > 0, else 0.
        advantage: Whether A = Q(s, a) less the "mean" or the "max" of the values of n_action_samples points.
        beta: Temperature of "exp", above 0.
        max_weight: Largest weight of "exp".
        n_action_samples: Points of the policy that the state's value is made of.
    """

    weight: str = "exp"
    advantage: str = "mean"
    beta: float = 0.1
    max_weight: float = 20.0
    n_action_samples: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "weight", WEIGHTS)
        one_of(self, "advantage", ADVANTAGES)
        number(self, "beta", "max_weight", open_low=True)
        whole(self, "n_action_samples")


class CRRAgent(ContinuousAgent):
    """Clones what the critic prefers to what the policy would do.

    L_actor = -f(A(s, a)) log pi(a | s),  A = Q(s, a) - mean_{b ~ pi} Q(s, b)
    L_critic = (r + gamma min_j Q'_j(s', a' ~ pi') - Q_j(s, a))^2
    """

    name = "crr"
    source = "Wang et al., NeurIPS 2020"
    Config = CRRConfig
    config: CRRConfig

    def _algorithm(self, d3rlpy: Any, batches: Batches) -> Any:
        return self._made(
            d3rlpy.algos.CRRConfig,
            batches,
            weight_type=self.config.weight,
            advantage_type=self.config.advantage,
            beta=self.config.beta,
            max_weight=self.config.max_weight,
            n_action_samples=self.config.n_action_samples,
            target_update_type="soft",
        )
