"""Neural fitted Q iteration on logged sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ilrec_agents.offline.value_agent import ValueAgent, ValueConfig

if TYPE_CHECKING:
    from ilrec_agents.offline.batches import Batches


@dataclass(frozen=True)
class NFQConfig(ValueConfig):
    """Settings of ``nfq``: those of agents that learn values.

    For want of a target that stands, steps are smaller and less far-sighted; with gamma 0.95 the values drift off.
    """

    learning_rate: float = 3e-4
    gamma: float = 0.9


class NFQAgent(ValueAgent):
    """Q-learning on logged sessions without a target network of its own.

    L = huber(r + gamma max_a Q_k(s', a) - Q(s, a)),   Q_k: Q after the update before

    The paper fits Q anew to all transitions at each iteration; here, as in d3rlpy, an iteration is one gradient step.
    """

    name = "nfq"
    source = "Riedmiller, ECML 2005"
    Config = NFQConfig

    def _algorithm(self, d3rlpy: Any, batches: Batches) -> Any:
        return self._algorithm_of(d3rlpy.algos.NFQConfig, batches, **self._q_settings(d3rlpy, batches))
