"""TD3 with behaviour cloning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ilrec_agents.checks import number
from ilrec_agents.offline.continuous.agent import ContinuousAgent, ContinuousConfig

if TYPE_CHECKING:
    from ilrec_agents.offline.batches import Batches

ACTOR_EVERY = 2  # critic updates for each update of the actor, as in the paper


@dataclass(frozen=True)
class TD3BCConfig(ContinuousConfig):
    """Settings of ``td3_bc``, besides those of every agent that points at items.

    Attributes:
        alpha: Weight of the value beside the cloning term; the larger, the further from the log. With the paper's 2.5
            points go to the corners of the box, far from all items, and values grow without end.
        smoothing: Standard deviation of the noise on the target's points, which is cut at 2.5 times that.
    """

    alpha: float = 0.2
    smoothing: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "alpha", "smoothing")


class TD3BCAgent(ContinuousAgent):
    """Points where the critic promises most, and not far from where the log's items lie.

    L_actor = -lambda Q(s, a(s)) + mean_d (a(s) - a)_d^2,  lambda = alpha / mean |Q|
    L_critic = (r + gamma min_j Q'_j(s', a'(s') + noise) - Q_j(s, a))^2
    """

    name = "td3_bc"
    source = "Fujimoto and Gu, NeurIPS 2021"
    Config = TD3BCConfig
    config: TD3BCConfig

    def _algorithm(self, d3rlpy: Any, batches: Batches) -> Any:
        return self._made(
            d3rlpy.algos.TD3PlusBCConfig,
            batches,
            actor_every=ACTOR_EVERY,
            alpha=self.config.alpha,
            target_smoothing_sigma=self.config.smoothing,
            target_smoothing_clip=2.5 * self.config.smoothing,
            update_actor_interval=ACTOR_EVERY,
        )
