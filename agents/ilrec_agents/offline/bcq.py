"""Batch-constrained Q-learning on logged sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Infos, allowed
from ilrec_agents.checks import number
from ilrec_agents.offline.value_agent import TargetConfig, ValueAgent

if TYPE_CHECKING:
    from ilrec_agents.offline.batches import Batches


@dataclass(frozen=True)
class BCQConfig(TargetConfig):
    """Settings of ``bcq``, besides those of agents that learn values with a target network.

    Attributes:
        action_flexibility: tau: how likely an action must be beside the likeliest one. Near 0 it allows every action,
            as ``ddqn`` does; near 1 the likeliest only, as ``bc`` does.
        beta: Weight of the penalty on log-probabilities of G, the mean of their squares.
    """

    action_flexibility: float = 0.3
    beta: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "action_flexibility", high=0.999, open_low=True)
        number(self, "beta")


class BCQAgent(ValueAgent):
    """Double Q-learning on logged sessions among those actions that the log's policy might take, by a model G of it.

    L = huber(r + gamma Q'(s', a*(s')) - Q(s, a))  -  log G(a | s)  +  beta mean_b (log G(b | s))^2
    a*(s) = argmax { Q(s, a) : G(a | s) > tau max_b G(b | s) },    a and b among what the viewer has not seen

    Its scores are Q values where that allows them, and below all of those otherwise.
    """

    name = "bcq"
    source = "Fujimoto et al., 2019 (arXiv 1910.01708)"
    Config = BCQConfig
    config: BCQConfig
    estimates_values = False
    over_catalogues = "towers"

    def _algorithm(self, d3rlpy: Any, batches: Batches) -> Any:
        from ilrec_agents.offline.d3rlpy_actors import ScoresBCQConfig
        from ilrec_agents.offline.d3rlpy_parts import ScoresQFunctionFactory

        return self._algorithm_of(
            ScoresBCQConfig,
            batches,
            **self._q_settings(d3rlpy, batches) | {"q_func_factory": ScoresQFunctionFactory(masks=False)},
            imitator_factory=self._networks(batches, value=False),
            target_update_interval=self.config.target_update_interval,
            action_flexibility=self.config.action_flexibility,
            beta=self.config.beta,
        )

    def _scores_of(self, algorithm: Any) -> Any:
        return self._constrained(super()._scores_of(algorithm), algorithm.impl.modules.imitator.network)

    def _scored(self, x: Any, infos: Infos) -> Any:
        import torch

        mask = torch.from_numpy(allowed(infos, (len(x), self.task.n_actions)))
        return self._network(x, mask.to(x.device))

    def _fresh_network(self, observations: NDArray[np.float32] | None = None) -> Any:
        return self._constrained(*(self._scores_network(observations, value) for value in (True, False)))

    def _constrained(self, q: Any, imitator: Any) -> Any:
        from ilrec_agents.offline.constrained import ConstrainedScores

        return ConstrainedScores(q, imitator, self.config.action_flexibility)
