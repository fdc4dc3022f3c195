"""Q-learning with a target network on logged sessions, plain and double."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ilrec_agents.offline.value_agent import TargetConfig, ValueAgent

if TYPE_CHECKING:
    from ilrec_agents.offline.batches import Batches


class OfflineDQNAgent(ValueAgent):
    """Deep Q-learning on logged sessions.

    L = huber(r + gamma max_a Q'(s', a) - Q(s, a)),   Q': a copy of Q, made every so many updates
    """

    name = "offline_dqn"
    source = "Mnih et al., Nature 2015"
    Config = TargetConfig
    config: TargetConfig

    def _algorithm(self, d3rlpy: Any, batches: Batches) -> Any:
        return self._algorithm_of(
            self._kind(d3rlpy),
            batches,
            **self._q_settings(d3rlpy, batches),
            target_update_interval=self.config.target_update_interval,
        )

    def _kind(self, d3rlpy: Any) -> Any:
        return d3rlpy.algos.DQNConfig


class DDQNAgent(OfflineDQNAgent):
    """Double deep Q-learning on logged sessions: one network finds the best next action, the other says its value.

    L = huber(r + gamma Q'(s', argmax_a Q(s', a)) - Q(s, a)),   Q': a copy of Q, made every so many updates
    """

    name = "ddqn"
    source = "van Hasselt et al., AAAI 2016"

    def _kind(self, d3rlpy: Any) -> Any:
        return d3rlpy.algos.DoubleDQNConfig
