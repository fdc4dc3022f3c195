"""Off-policy policy gradient on logged sessions whose propensities are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.checks import number, whole
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.offline.offline_agent import Learner
from ilrec_agents.offline.to_go import returns_to_go
from ilrec_agents.offline.value_agent import ValueConfig, ValueLearner
from ilrec_gym.errors import UsageError


@dataclass(frozen=True)
class IPSConfig(ValueConfig):
    """Settings of ``ips``, besides those of agents that learn values.

    Attributes:
        clip: c: the greatest weight of a step. Lower: less variance, more bias.
        top_k: K: items of which one is taken; above 1 an action need not be the likeliest to be worth its weight.
        entropy_weight: What a unit of the policy's entropy is worth.
    """

    updates: int = 1000
    learning_rate: float = 3e-3
    clip: float = 20.0
    top_k: int = 1
    entropy_weight: float = 0.02

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, "batch_size", least=2)
        number(self, "clip", open_low=True)
        whole(self, "top_k")
        number(self, "entropy_weight")


class IPSAgent(ValueLearner):
    """REINFORCE on logged steps, each weighted by how much likelier its action is now than it was in the log.

    L = -min(c, pi(a|s) / mu(a|s)) K (1 - pi(a|s))^(K-1) (G - V(s)) log pi(a|s)  -  entropy_weight H(pi(. | s))
        + 1/2 (G - V(s))^2,     G = r_t + gamma r_{t+1} + ... to the end of the session

    mu is the propensity in the dataset. V is a network of its own. G is standardised over the dataset, so that
    ``reward_scaling`` "scale" and "none" come to the same. G - V is divided by its standard deviation over the
    batch where it weighs log pi, so that the entropy's weight means the same whatever the rewards are.
    """

    name = "ips"
    source = "Chen et al., WSDM 2019"
    Config = IPSConfig
    config: IPSConfig
    estimates_values = False

    def _learner(self, dataset: SessionDataset, device: Any) -> Learner:
        import torch
        from torch.nn.functional import log_softmax

        from ilrec_agents.networks import Standardise, mlp
        from ilrec_agents.offline.descent import Descent
        from ilrec_agents.offline.seen import masked
        from ilrec_agents.seen import NEVER

        config, batches = self.config, self._batches(dataset, device)
        policy = self._scores_network(batches.observations, value=False).to(device)
        layout = self.task.layout
        scale = Standardise(batches.observations, layout)
        value = torch.nn.Sequential(scale, mlp(layout.size, config.hidden, 1)).to(device)
        descent = Descent([*policy.parameters(), *value.parameters()], config)
        mu = torch.tensor(propensities(dataset), dtype=torch.float32, device=device)
        returns = torch.tensor(_standard(returns_to_go(dataset, self._rewards(dataset), config.gamma)), device=device)

        def update(step: int) -> dict[str, float]:
            steps = batches.steps()
            x, actions = batches.before(steps)
            log_pi = log_softmax(masked(x, policy(x), NEVER), dim=1)
            chosen, expected = log_pi.gather(1, actions)[:, 0], value(x)[:, 0]
            pi, advantage = chosen.detach().exp(), returns[steps] - expected
            weight = (pi / mu[steps]).clamp(max=config.clip) * config.top_k * (1 - pi) ** (config.top_k - 1)
            entropy = -(log_pi.exp() * log_pi).sum(dim=1).mean()
            worth = advantage.detach() / advantage.detach().std().clamp(min=1e-6)
            gain = (weight * worth * chosen).mean()
            error = (advantage**2).mean() / 2
            loss = error - gain - config.entropy_weight * entropy
            descent.step(loss)
            return {
                "loss": loss.item(), "value_loss": error.item(), "entropy": entropy.item(),
                "weight": weight.mean().item(),
            }  # fmt: skip

        return Learner(update, lambda: policy)


def propensities(dataset: SessionDataset) -> NDArray[np.float64]:
    """``(N,)`` how likely the logged actions were.

    Raises:
        UsageError: Some session has no propensities, or they are not one probability above 0 per step.
    """
    found = dataset.column("propensity")
    wrong = ~((found > 0) & (found <= 1))
    if wrong.any():
        raise UsageError(
            "propensities must lie above 0, at most 1",
            received=f"{found[wrong][:5].tolist()}, {wrong.sum()} in all",
            cause="an agent that does not know how likely its choice was",
            fix="log sessions with the agent 'logging', or another that draws",
        )
    return found.astype(np.float64)


def _standard(values: NDArray[np.float64]) -> NDArray[np.float32]:
    return ((values - values.mean()) / max(values.std(), 1e-6)).astype(np.float32)
