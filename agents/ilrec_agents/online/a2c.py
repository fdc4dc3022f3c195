"""Advantage actor-critic by playing: one gradient step per short round, without ratios."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ilrec_agents.checks import flag
from ilrec_agents.online.on_policy import OnPolicyAgent, OnPolicyConfig
from ilrec_gym.errors import UsageError


@dataclass(frozen=True)
class A2CConfig(OnPolicyConfig):
    """Settings of ``a2c``, besides those of every actor-critic.

    Attributes:
        normalize_advantage: Whether A gets mean 0 and standard deviation 1 in every round.
    """

    total_timesteps: int = 100_000
    network: str = "guided"
    gamma: float = 0.8
    n_steps: int = 16
    learning_rate: float = 2e-3
    normalize_advantage: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        flag(self, "normalize_advantage")
        if self.normalize_advantage and self.n_envs * self.n_steps < 2:
            raise UsageError(
                "normalize_advantage needs rounds of two decisions at least",
                received=f"{self.n_envs} x {self.n_steps}",
                cause="n_envs x n_steps is 1, and one number has no spread", fix="raise n_envs or n_steps",
            )  # fmt: skip


class A2CAgent(OnPolicyAgent):
    """Learns by playing with train users, one gradient step per round.

    L = -E[A log pi(a | s)]  +  c_v (V - V_target)^2  -  c_e H(pi)

    The optimiser is Adam.
    """

    name = "a2c"
    source = "Mnih et al., ICML 2016"
    Config: ClassVar[type[Any]] = A2CConfig
    config: A2CConfig

    def _parts(self, sb3: Any) -> tuple[type[Any], type[Any]]:
        from ilrec_agents.online.sb3_parts import ScoresPolicy

        return sb3.A2C, ScoresPolicy

    def _options(self) -> dict[str, Any]:
        return super()._options() | {"normalize_advantage": self.config.normalize_advantage, "use_rms_prop": False}
