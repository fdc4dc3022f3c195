"""Q-learning with the whole distribution of the return, by quantiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.checks import whole
from ilrec_agents.online.off_policy import OffPolicyAgent, OffPolicyConfig
from ilrec_agents.online.quiet import import_contrib

if TYPE_CHECKING:
    from ilrec_agents.online.ledger import Ledger


@dataclass(frozen=True)
class QRDQNConfig(OffPolicyConfig):
    """Settings of ``qrdqn``, besides those of every agent with a replay buffer.

    Attributes:
        n_quantiles: N, quantiles of the return per action.
    """

    n_quantiles: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, "n_quantiles", least=2)


class QRDQNAgent(OffPolicyAgent):
    """Learns by playing with train users how the return of every action is distributed, and takes the best mean.

    L = sum_k E_j[ |tau_k - [u_kj < 0]| huber(u_kj) ],   u_kj = r + gamma theta'_j(s', a') - theta_k(s, a),
    tau_k = (k - 1/2) / N,   a' = argmax_a mean_j theta'_j(s', a)

    The paper has N free outputs per action; here they are theta_k(s, a) = Q(s, a) + exp(w(s, a)) u_k(s), the u_k of
    mean 0: place and width for every action, one shape for all. So Q is a score network like any other, and is what
    is kept.
    """

    name = "qrdqn"
    source = "Dabney et al., AAAI 2018"
    Config: ClassVar[type[Any]] = QRDQNConfig
    config: QRDQNConfig

    def _parts(self, sb3: Any) -> tuple[type[Any], type[Any]]:
        import_contrib()
        from ilrec_agents.online.quantiles import QRDQN, QuantilePolicy

        return QRDQN, QuantilePolicy

    def _networks(self, observations: NDArray[np.float32], ledger: Ledger | None) -> Any:
        from torch import nn

        from ilrec_agents.networks import Standardise, mlp, score_network
        from ilrec_agents.online.ledger import masked, nameless
        from ilrec_agents.online.quantiles import Quantiles

        task, hidden, n = self.task, self.config.hidden, self.config.n_quantiles
        kind = "auto" if self.kind == "guided" else self.kind

        def made() -> Any:
            width = score_network(task, kind, hidden, observations=observations, value=False)
            shape = nn.Sequential(Standardise(observations, task.layout), mlp(task.layout.size, hidden, n))
            scores = masked(self._fresh_network(observations), ledger)
            return Quantiles(scores, nameless(width, ledger), nameless(shape, ledger), n)

        return made
