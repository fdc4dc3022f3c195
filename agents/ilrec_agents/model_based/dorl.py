"""DORL: as MOPO, and paid more for what leads where the log is spread out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.checks import number
from ilrec_agents.model_based.agent import ModelBasedAgent, ModelBasedConfig
from ilrec_agents.model_based.entropy import BehaviourEntropy
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_gym.errors import UsageError

if TYPE_CHECKING:
    from ilrec_agents.model_based.imagined import Penalty
    from ilrec_agents.model_based.steps import Before
    from ilrec_agents.model_based.world_model import Prediction


@dataclass(frozen=True)
class DORLConfig(ModelBasedConfig):
    """Settings of ``dorl``, besides those of every model-based agent.

    Attributes:
        uncertainty_penalty: lambda_1, in ratings per squared rating.
        entropy_bonus: lambda_2, in ratings for the largest entropy of one order.
        orders: The orders k of the entropies that are summed, 1 to 3 of them.
    """

    uncertainty_penalty: float = 1.0
    entropy_bonus: float = 0.1
    orders: tuple[int, ...] = (1, 2)

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "uncertainty_penalty", "entropy_bonus")
        orders = self.orders if isinstance(self.orders, (list, tuple)) else ()
        if not orders or any(isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= 3 for k in orders):
            raise UsageError("orders must be some of 1, 2, 3", received=self.orders, fix="e.g. orders=[1, 2]")
        object.__setattr__(self, "orders", tuple(orders))  # a saved agent has a list


class DORLAgent(ModelBasedAgent):
    """Learns by playing with imagined viewers, and is paid more for what leads to where the log is spread out.

    r~(s, a) = r^(s, a) - lambda_1 P_U(s, a) + lambda_2 P_E(s, a),    P_U = max_k s_k^2

    less its mean over the log where ``centred``.

    P_E is the paper's summed k-order entropy of the logged behaviour after the last k items, here of genres: see
    :class:`BehaviourEntropy`. It keeps the policy from the narrow choice that a pessimistic reward alone leads to.
    """

    name = "dorl"
    source = "Gao et al., SIGIR 2023"
    Config = DORLConfig
    config: DORLConfig

    def _penalty(self, dataset: SessionDataset) -> Penalty:
        from ilrec_agents.model_based.steps import items_of

        config = self.config
        spread_out = BehaviourEntropy(items_of(dataset, self.task), self.task.catalogue.genres, config.orders)

        def penalty(said: Prediction, before: Before, items: NDArray[np.int64]) -> NDArray[np.float64]:
            bonus = config.entropy_bonus * spread_out(before.shown, before.steps, items)
            return config.uncertainty_penalty * np.square(said.noise) - bonus

        return penalty
