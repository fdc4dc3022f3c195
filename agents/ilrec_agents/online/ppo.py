"""Proximal policy optimisation by playing: the online reference."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.checks import number, whole
from ilrec_agents.online.sb3_agent import OnlineConfig, SB3Agent
from ilrec_gym.errors import UsageError


@dataclass(frozen=True)
class PPOConfig(OnlineConfig):
    """Settings of ``ppo``, besides those of every online agent. The learning rate falls in a straight line to 0.

    r is the ratio of the new to the old probability of an action, A its advantage.

    Attributes:
        n_steps: Steps of each row per round.
        batch_size: Decisions per gradient step; divides ``n_envs`` x ``n_steps``.
        n_epochs: Passes over a round.
        gae_lambda: A_t = sum_k (gamma lambda)^k delta_{t+k}, delta_t = y_t + gamma V(s_{t+1}) - V(s_t)
            (Schulman et al., "High-dimensional continuous control using generalized advantage estimation", 2016).
        clip_range: epsilon in E[min(r A, clip(r, 1 - epsilon, 1 + epsilon) A)].
        ent_coef: Weight of the policy's entropy, which is added.
        vf_coef: Weight of the squared error of V.
        max_grad_norm: Longer gradients are cut to this length.
    """

    n_steps: int = 64
    batch_size: int = 512
    n_epochs: int = 6
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    ent_coef: float = 0.0
    vf_coef: float = 0.5
    max_grad_norm: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, "n_steps", "n_epochs")
        if self.batch_size < 2 or self.round % self.batch_size:
            raise UsageError(
                f"batch_size must be at least 2 and divide n_envs x n_steps = {self.round}", received=self.batch_size
            )
        number(self, "clip_range", "max_grad_norm", open_low=True)
        number(self, "gae_lambda", high=1.0)
        number(self, "ent_coef", "vf_coef")

    @property
    def round(self) -> int:
        """Decisions per round."""
        return self.n_envs * self.n_steps


class PPOAgent(SB3Agent):
    """Learns by playing with train users, and takes the action that its policy finds most likely.

    L = -E[min(r A, clip(r, 1 - epsilon, 1 + epsilon) A)]  +  c_v (V - V_target)^2  -  c_e H(pi)

    No mask is applied while it learns.
    """

    name = "ppo"
    source = "Schulman et al., 2017"
    Config = PPOConfig
    config: PPOConfig

    def _algorithm(self, sb3: Any, env: Any, observations: NDArray[np.float32], device: Any) -> Any:
        from stable_baselines3.common.utils import LinearSchedule

        from ilrec_agents.online.sb3_parts import ScoresPolicy, actor_critic

        config = self.config
        networks = partial(actor_critic, self.task, config.network, config.hidden, observations)
        return sb3.PPO(
            ScoresPolicy,
            env,
            learning_rate=LinearSchedule(config.learning_rate, 0.0, 1.0),
            n_steps=config.n_steps,
            batch_size=config.batch_size,
            n_epochs=config.n_epochs,
            gamma=config.gamma,
            gae_lambda=config.gae_lambda,
            clip_range=config.clip_range,
            ent_coef=config.ent_coef,
            vf_coef=config.vf_coef,
            max_grad_norm=config.max_grad_norm,
            policy_kwargs={"networks": networks},
            device=device,
        )

    def _scores_of(self, algorithm: Any) -> Any:
        return algorithm.policy.mlp_extractor.actor
