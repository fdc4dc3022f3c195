"""Self-supervised Q-learning on logged sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ilrec_agents.checks import number, one_of
from ilrec_agents.learning import WITH_BODY
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.offline.offline_agent import Learner
from ilrec_agents.offline.value_agent import TargetConfig, ValueLearner


@dataclass(frozen=True)
class SQNConfig(TargetConfig):
    """Settings of ``sqn``, besides those of agents that learn values with a target network.

    The setting ``network`` may not be "guided": that one has no body which two heads could share.

    Attributes:
        q_weight: Weight of the Q-learning loss beside the cross-entropy; the paper's is 1. With 0 only the log is
            imitated, as in ``bc``.
    """

    updates: int = 1000
    q_weight: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "q_weight")
        one_of(self, "network", WITH_BODY)


class SQNAgent(ValueLearner):
    """Imitates the log with one head of a network whose body learns values with another; the first recommends.

    L = -log pi(a | s)  +  q_weight huber(r + gamma Q'(s', argmax_b Q(s', b)) - Q(s, a))

    pi and Q read the same body. What is imitated is what was logged, so it is not much better than the log's policy.
    Two Q networks that take turns in the paper are a target network here, as in ``ddqn``.
    """

    name = "sqn"
    source = "Xin et al., SIGIR 2020"
    Config = SQNConfig
    config: SQNConfig
    estimates_values = False

    def _learner(self, dataset: SessionDataset, device: Any) -> Learner:
        import torch
        from torch.nn.functional import cross_entropy, huber_loss

        from ilrec_agents.offline.descent import Descent
        from ilrec_agents.offline.heads import copy_of, share_body
        from ilrec_agents.offline.seen import masked

        config, batches = self.config, self._batches(dataset, device)
        policy, q = (self._scores_network(batches.observations, value).to(device) for value in (False, True))
        share_body(policy, q)
        target, descent = copy_of(q), Descent([*policy.parameters(), *q.parameters()], config)

        def update(step: int) -> dict[str, float]:
            batch = batches.draw()
            with torch.no_grad():
                best = masked(batch.next_observations, q(batch.next_observations), -torch.inf).argmax(1, keepdim=True)
                following = target(batch.next_observations).gather(1, best)
                aim = batch.rewards + config.gamma * (1 - batch.terminals) * following
            imitation = cross_entropy(policy(batch.observations), batch.actions[:, 0])
            td = huber_loss(q(batch.observations).gather(1, batch.actions), aim)
            loss = imitation + config.q_weight * td
            descent.step(loss)
            if step % config.target_update_interval == 0:
                target.load_state_dict(q.state_dict())
            return {
                "loss": (imitation + config.q_weight * td).item(),
                "imitation_loss": imitation.item(),
                "td_loss": td.item(),
            }

        return Learner(update, lambda: policy)
