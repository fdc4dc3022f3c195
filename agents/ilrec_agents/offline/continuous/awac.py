"""Advantage weighted actor-critic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ilrec_agents.checks import number, whole
from ilrec_agents.offline.continuous.agent import ContinuousAgent, ContinuousConfig

if TYPE_CHECKING:
    from ilrec_agents.offline.batches import Batches

_NO_ENTROPY = -30.0  # logarithm of its weight


@dataclass(frozen=True)
class AWACConfig(ContinuousConfig):
    """Settings of ``awac``, besides those of every agent that points at items.

    Attributes:
        lam: Temperature of the weights, above 0; the lower, the further from the log.
        n_action_samples: Points of the policy whose mean value is that of the state.
    """

    lam: float = 0.3
    n_action_samples: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "lam", open_low=True)
        whole(self, "n_action_samples")


class AWACAgent(ContinuousAgent):
    """Clones the log, each step weighted by how much better it was than what the policy would do.

    L_actor = -w log pi(a | s),  w = B softmax over the batch of (Q(s, a) - mean_{b ~ pi} Q(s, b)) / lam
    L_critic = (r + gamma min_j Q'_j(s', a' ~ pi) - Q_j(s, a))^2
    """

    name = "awac"
    source = "Nair et al., 2020 (arXiv 2006.09359)"
    Config = AWACConfig
    config: AWACConfig

    def _algorithm(self, d3rlpy: Any, batches: Batches) -> Any:
        from d3rlpy.models.torch import get_parameter

        algorithm = self._made(
            d3rlpy.algos.AWACConfig, batches, lam=self.config.lam, n_action_samples=self.config.n_action_samples
        )
        # d3rlpy's target has SAC's entropy in it, of weight exp(0); the paper's has none.
        get_parameter(algorithm.impl.modules.log_temp).data.fill_(_NO_ENTROPY)
        return algorithm
