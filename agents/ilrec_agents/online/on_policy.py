"""What agents share that improve a policy from what it has just played itself."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.checks import number, whole
from ilrec_agents.online.sb3_agent import OnlineConfig, SB3Agent


@dataclass(frozen=True)
class OnPolicyConfig(OnlineConfig):
    """Settings of every actor-critic, besides those of every online agent.

    The learning rate falls in a straight line to 0. A is the advantage of an action, V the value of an observation.

    Attributes:
        n_steps: Steps of each row per round.
        gae_lambda: A_t = sum_k (gamma lambda)^k delta_{t+k}, delta_t = y_t + gamma V(s_{t+1}) - V(s_t)
            (Schulman et al., "High-dimensional continuous control using generalized advantage estimation", 2016).
        ent_coef: c_e, weight of the policy's entropy, which is added.
        vf_coef: c_v, weight of the squared error of V.
        max_grad_norm: Longer gradients are cut to this length.
    """

    n_steps: int = 64
    gae_lambda: float = 0.95
    ent_coef: float = 0.0
    vf_coef: float = 0.5
    max_grad_norm: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, "n_steps")
        number(self, "max_grad_norm", open_low=True)
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

    @abstractmethod
    def _parts(self, sb3: Any) -> tuple[type[Any], type[Any]]:
        """SB3's algorithm and the policy that it learns."""

    def _options(self) -> dict[str, Any]:
        """The algorithm's own settings."""
        return {}

    def _networks(self, observations: NDArray[np.float32]) -> Any:
        """Makes what the policy is made of; scaling is fitted on observations ``(N, d)``."""
        from ilrec_agents.online.sb3_parts import actor_critic

        return partial(actor_critic, self.task, self.config.network, self.config.hidden, observations)

    def _algorithm(self, sb3: Any, env: Any, observations: NDArray[np.float32], device: Any) -> Any:
        from stable_baselines3.common.utils import LinearSchedule

        config, (algorithm, policy) = self.config, self._parts(sb3)
        return algorithm(
            policy,
            env,
            learning_rate=LinearSchedule(config.learning_rate, 0.0, 1.0),
            n_steps=config.n_steps,
            gamma=config.gamma,
            gae_lambda=config.gae_lambda,
            ent_coef=config.ent_coef,
            vf_coef=config.vf_coef,
            max_grad_norm=config.max_grad_norm,
            policy_kwargs={"networks": self._networks(observations)},
            device=device,
            **self._options(),
        )

    def _scores_of(self, algorithm: Any) -> Any:
        return algorithm.policy.mlp_extractor.actor
