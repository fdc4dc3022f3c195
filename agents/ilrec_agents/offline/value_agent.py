"""What agents share that learn values from logged sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.checks import flag, number, one_of, whole
from ilrec_agents.offline.d3rlpy_agent import D3RLPyAgent
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.offline.offline_agent import OfflineAgent, OfflineConfig
from ilrec_agents.reward_scaling import SCALINGS, scaled

if TYPE_CHECKING:
    from ilrec_agents.offline.batches import Batches


@dataclass(frozen=True)
class ValueConfig(OfflineConfig):
    """Settings of agents that learn values, besides those of every offline agent.

    Attributes:
        gamma: Discount of the step after the next.
        reward_scaling: "standard": rewards get mean 0 and standard deviation 1 over the dataset, so that staying pays
            nothing by itself; "scale": standard deviation 1 and the mean kept in proportion; "none". Rewards that are
            all equal are left as they are.
        mask_seen: Whether the best next action is sought among those only that the mask allows. A whole catalogue has
            films that the viewer has seen, and a value that is never acted on must not be hoped for. The masks are
            rebuilt from the sessions; the profile counts where they have the extra ``user_id``.
    """

    gamma: float = 0.95
    reward_scaling: str = "standard"
    mask_seen: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "gamma", high=1.0)
        one_of(self, "reward_scaling", SCALINGS)
        flag(self, "mask_seen")


@dataclass(frozen=True)
class TargetConfig(ValueConfig):
    """Settings of agents that learn values with a target network Q'.

    Attributes:
        target_update_interval: Updates between two copies of Q into the target network.
    """

    target_update_interval: int = 200

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, "target_update_interval")


class ValueLearner(OfflineAgent):
    """Learns from scaled rewards, and looks for the best next action among those that the mask allows."""

    Config = ValueConfig
    config: ValueConfig

    def _batches(self, dataset: SessionDataset, device: Any) -> Batches:
        from ilrec_agents.offline.batches import Batches
        from ilrec_agents.offline.seen import SeenInLog

        seen = SeenInLog(dataset, self.task, device) if self.config.mask_seen and not self.task.n_candidates else None
        rewards = self._rewards(dataset)
        return Batches(dataset, rewards, self.config.batch_size, seed=self.seed, device=device, seen=seen)

    def _rewards(self, dataset: SessionDataset) -> NDArray[np.float32]:
        return scaled(super()._rewards(dataset), self.config.reward_scaling)


class ValueAgent(ValueLearner, D3RLPyAgent):
    """Learns Q(s, .) with one of d3rlpy's algorithms, which a subclass names in ``_algorithm``."""

    over_catalogues = "guided"

    def _algorithm_of(self, config: Any, batches: Batches, **settings: Any) -> Any:
        """d3rlpy's algorithm of this config class, with the settings that all have and those given."""
        algorithm = config(batch_size=self.config.batch_size, gamma=self.config.gamma, **settings).create(
            device=str(batches.device)
        )
        algorithm.create_impl((self.task.layout.size,), self.task.n_actions)
        return algorithm

    def _q_settings(self, d3rlpy: Any, batches: Batches) -> dict[str, Any]:
        """Settings of algorithms that learn nothing but Q."""
        from ilrec_agents.offline.d3rlpy_parts import ScoresQFunctionFactory

        return {
            "learning_rate": self.config.learning_rate,
            "optim_factory": self._optimizer(d3rlpy),
            "encoder_factory": self._networks(batches),
            "q_func_factory": ScoresQFunctionFactory(),
        }

    def _networks(self, batches: Batches, value: bool = True) -> Any:
        """Makes networks for d3rlpy, with a V of their own or without."""
        from ilrec_agents.offline.d3rlpy_parts import ScoresFactory

        return ScoresFactory(lambda: self._scores_network(batches.observations, value))

    def _scores_of(self, algorithm: Any) -> Any:
        return algorithm.impl.q_function[0].network
