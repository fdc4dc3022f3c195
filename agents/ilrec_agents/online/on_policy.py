"""What agents share that improve a policy from what it has just played itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.checks import number, whole
from ilrec_agents.online.sb3_agent import OnlineConfig, SB3Agent

if TYPE_CHECKING:
    from ilrec_agents.online.ledger import Ledger


@dataclass(frozen=True)
class OnPolicyConfig(OnlineConfig):
    """Settings of every actor-critic, besides those of every online agent.

    A is the advantage of an action, V the value of an observation.

    Attributes:
        n_steps: Steps of each row per round.
        gae_lambda: A_t = sum_k (gamma lambda)^k delta_{t+k}, delta_t = y_t + gamma V(s_{t+1}) - V(s_t)
            (Schulman et al., "High-dimensional continuous control using generalized advantage estimation", 2016).
        ent_coef: c_e, weight of the policy's entropy, which is added.
        vf_coef: c_v, weight of the squared error of V.
    """

    n_steps: int = 64
    gae_lambda: float = 0.95
    ent_coef: float = 0.0
    vf_coef: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, "n_steps")
        number(self, "gae_lambda", high=1.0)
        number(self, "ent_coef", "vf_coef")

    @property
    def round(self) -> int:
        """Decisions per round."""
        return self.n_envs * self.n_steps


class OnPolicyAgent(SB3Agent):
    """An actor and a critic, two networks that share nothing; what is kept in the end is the actor."""

    Config: ClassVar[type[Any]] = OnPolicyConfig
    config: OnPolicyConfig

    def _networks(self, observations: NDArray[np.float32], ledger: Ledger | None) -> Any:
        from ilrec_agents.online.sb3_parts import actor_critic

        def made() -> Any:
            return actor_critic(self.task, self._fresh_network(observations), self.config.hidden, observations, ledger)

        return made

    def _options(self) -> dict[str, Any]:
        config = self.config
        return {
            "n_steps": config.n_steps,
            "gae_lambda": config.gae_lambda,
            "ent_coef": config.ent_coef,
            "vf_coef": config.vf_coef,
        }

    def _scores_of(self, algorithm: Any) -> Any:
        from ilrec_agents.online.ledger import bare

        return bare(algorithm.policy.mlp_extractor.actor)
