"""Deep Q-learning by playing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.online.off_policy import OffPolicyAgent

if TYPE_CHECKING:
    from ilrec_agents.online.ledger import Ledger


class DQNAgent(OffPolicyAgent):
    """Learns by playing with train users what every action is worth, and takes the best.

    L = huber(r + gamma max_a Q'(s', a) - Q(s, a)),   Q' a copy of Q from a while ago

    A session that was cut at the horizon goes on in the target; one that the viewer left does not.
    """

    name = "dqn"
    source = "Mnih et al., Nature 2015"

    def _parts(self, sb3: Any) -> tuple[type[Any], type[Any]]:
        from ilrec_agents.online.off_policy_parts import DQN, ScoresDQNPolicy

        return DQN, ScoresDQNPolicy

    def _networks(self, observations: NDArray[np.float32], ledger: Ledger | None) -> Any:
        from ilrec_agents.online.ledger import masked

        return lambda: masked(self._fresh_network(observations), ledger)
