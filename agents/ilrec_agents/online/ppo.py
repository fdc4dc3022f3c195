"""Proximal policy optimisation by playing: the online reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ilrec_agents.checks import number, whole
from ilrec_agents.online.on_policy import OnPolicyAgent, OnPolicyConfig
from ilrec_gym.errors import UsageError


@dataclass(frozen=True)
class PPOConfig(OnPolicyConfig):
    """Settings of ``ppo``, besides those of every actor-critic.

    r is the ratio of the new to the old probability of an action, A its advantage.

    Attributes:
        batch_size: Decisions per gradient step; divides ``n_envs`` x ``n_steps``.
        n_epochs: Passes over a round.
        clip_range: epsilon in E[min(r A, clip(r, 1 - epsilon, 1 + epsilon) A)].
    """

    batch_size: int = 512
    n_epochs: int = 6
    clip_range: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, "n_epochs")
        whole(self, "batch_size", least=2)
        if self.round % self.batch_size:
            raise UsageError(f"batch_size must divide n_envs x n_steps = {self.round}", received=self.batch_size)
        number(self, "clip_range", open_low=True)


@dataclass(frozen=True)
class ShortRoundsConfig(PPOConfig):
    """Settings of those PPO that begin as the public ranking, and learn from short rounds how to change it."""

    network: str = "guided"
    gamma: float = 0.8
    n_steps: int = 16
    n_epochs: int = 4
    batch_size: int = 256
    learning_rate: float = 2e-3


class PPOAgent(OnPolicyAgent):
    """Learns by playing with train users, and takes the action that its policy finds most likely.

    L = -E[min(r A, clip(r, 1 - epsilon, 1 + epsilon) A)]  +  c_v (V - V_target)^2  -  c_e H(pi)
    """

    name = "ppo"
    source = "Schulman et al., 2017"
    Config: ClassVar[type[Any]] = PPOConfig
    config: PPOConfig

    def _parts(self, sb3: Any) -> tuple[type[Any], type[Any]]:
        from ilrec_agents.online.sb3_parts import ScoresPolicy

        return sb3.PPO, ScoresPolicy

    def _options(self) -> dict[str, Any]:
        config = self.config
        own = {"batch_size": config.batch_size, "n_epochs": config.n_epochs, "clip_range": config.clip_range}
        return super()._options() | own
