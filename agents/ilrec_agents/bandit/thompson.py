"""Thompson sampling: the item that is best under weights drawn from what is believed of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ilrec_agents.bandit.features import Array, Offered, Whole
from ilrec_agents.bandit.linear import LinearBandit, LinearConfig
from ilrec_agents.bandit.regression import Belief
from ilrec_agents.base import Infos
from ilrec_agents.checks import number
from ilrec_gym.simulation.draws import AGENT, normal


@dataclass(frozen=True)
class ThompsonConfig(LinearConfig):
    """Settings of ``thompson``, besides those of every linear bandit.

    Attributes:
        scale: The standard deviations with which weights are drawn, in those of the belief.
    """

    scale: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "scale")


class ThompsonAgent(LinearBandit):
    """Takes the best item under weights drawn anew at every step.

        theta' ~ N(theta, c^2 s^2 A^-1),   w' ~ N(w, c^2 s^2 M^-1),   b_i' ~ N(b_i, c^2 s^2 / (n_i + 1 / u))
        score = x . theta' + b_i' + q . w'

    Draws depend on the agent's seed and the session's own seed, episode and step.
    """

    name = "thompson"
    source = "Agrawal and Goyal, ICML 2013"
    Config = ThompsonConfig
    draws = True

    def _optimistic(self, choices: Offered | Whole, shared: Belief, taste: Belief, infos: Infos) -> Array:
        known, size, own = self.known, len(shared.mean), taste.mean.shape[1]
        draws = self.config.scale * known.noise * self._normal(infos, size + own + choices.x.shape[1])
        theta = shared.mean + draws[:, :size] @ shared.root.T
        w = taste.mean + (taste.root @ draws[:, size : size + own, None])[..., 0]
        bias = known.bias[choices.items] + np.sqrt(known.doubt[choices.items]) * draws[:, size + own :]
        return (choices.x @ theta[..., None])[..., 0] + bias + choices.liked(w)

    def _normal(self, infos: Infos, size: int) -> Array:
        """Standard normal draws ``(B, size)``."""
        seeds, episodes, steps = (np.asarray(infos[name])[:, None] for name in ("seed", "session", "step"))
        draws: Array = normal(seeds, episodes, AGENT, steps * size + np.arange(size), lane=self.seed)
        return draws
