"""What agents share that learn the values of actions from everything they have played so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.checks import number, one_of, whole
from ilrec_agents.online.sb3_agent import OnlineConfig, SB3Agent
from ilrec_agents.reward_scaling import SCALINGS, shift_and_scale


@dataclass(frozen=True)
class OffPolicyConfig(OnlineConfig):
    """Settings of every agent with a replay buffer, besides those of every online agent.

    Attributes:
        buffer_size: Decisions that are remembered, of all rows together.
        batch_size: Decisions per update.
        learning_starts: Decisions of random play before the first update.
        train_freq: Steps of every row between updates.
        gradient_steps: Updates then.
        target_update_interval: Decisions between two copies of Q into the target network.
        exploration_fraction: Share of the training in which the chance of a random choice falls from 1 to the next.
        exploration_final: epsilon, the chance of a random choice from then on. Every row draws by itself.
        reward_scaling: "standard": mean 0 and standard deviation 1 over some random play, so that staying pays nothing
            by itself; "scale": standard deviation 1 and the mean kept in proportion; "none". What all actions share
            swamps what sets them apart, where the mean is kept.
    """

    total_timesteps: int = 120_000
    network: str = "guided"
    gamma: float = 0.8
    buffer_size: int = 100_000
    batch_size: int = 256
    learning_starts: int = 6_400
    train_freq: int = 1
    gradient_steps: int = 1
    target_update_interval: int = 6_400
    exploration_fraction: float = 0.15
    exploration_final: float = 0.05
    max_grad_norm: float = 10.0
    reward_scaling: str = "standard"

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, "batch_size", "learning_starts", "train_freq", "gradient_steps")
        whole(self, "buffer_size", "target_update_interval", least=self.n_envs)
        number(self, "exploration_fraction", high=1.0, open_low=True)
        number(self, "exploration_final", high=1.0)
        one_of(self, "reward_scaling", SCALINGS)

    @property
    def round(self) -> int:
        """Decisions between updates."""
        return self.n_envs * self.train_freq


class OffPolicyAgent(SB3Agent):
    """Plays the action of the highest value, or now and then any that the mask allows, and learns from a buffer."""

    Config: ClassVar[type[Any]] = OffPolicyConfig
    config: OffPolicyConfig
    estimates_values = True

    def _scaled(self, sessions: Any, rewards: NDArray[np.float32]) -> Any:
        from ilrec_agents.online.vec_env import FixedScale

        return FixedScale(sessions, *shift_and_scale(rewards, self.config.reward_scaling))

    def _options(self) -> dict[str, Any]:
        config = self.config
        return {
            "buffer_size": config.buffer_size,
            "batch_size": config.batch_size,
            "learning_starts": config.learning_starts,
            "train_freq": config.train_freq,
            "gradient_steps": config.gradient_steps,
            "target_update_interval": config.target_update_interval,
            "exploration_fraction": config.exploration_fraction,
            "exploration_final_eps": config.exploration_final,
        }

    def _scores_of(self, algorithm: Any) -> Any:
        from ilrec_agents.online.ledger import bare

        return bare(algorithm.policy.scores)
