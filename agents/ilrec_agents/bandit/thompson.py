"""Thompson sampling: the item that is best under weights drawn from what is believed of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ilrec_agents.bandit.beliefs import Belief, root
from ilrec_agents.bandit.features import Array, Choices
from ilrec_agents.bandit.playing import BanditConfig, LinearBandit
from ilrec_agents.base import Infos
from ilrec_agents.checks import number
from ilrec_gym.simulation.draws import AGENT, normal


@dataclass(frozen=True)
class ThompsonConfig(BanditConfig):
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

        theta' ~ N(theta, c^2 s^2 A^-1),   w' ~ N(w, c^2 s^2 M^-1),   b_i' ~ N(b_i, c^2 s^2 z^T S_i z)
        score = x . theta' + b_i' + q_i . w'

    Draws depend on the agent's seed and the session's own seed, episode and step.
    """

    name = "thompson"
    source = "Agrawal and Goyal, ICML 2013"
    Config = ThompsonConfig
    draws = True

    def _scored(self, choices: Choices, theta: Belief, taste: Belief, infos: Infos) -> Array:
        known, items, shared, own = self.known, choices.items, len(theta.mean), taste.mean.shape[1]
        draws = self.config.scale * known.noise * self._normal(infos, shared + own + choices.x.shape[1])
        of_theta, of_w, of_items = np.split(draws, [shared, shared + own], axis=1)
        theta_drawn = theta.mean + of_theta @ root(theta.covariance).T
        w_drawn = taste.mean + (root(taste.covariance) @ of_w[..., None])[..., 0]
        drawn = (choices.x @ theta_drawn[..., None])[..., 0] + known.expected(items, w_drawn)
        return np.asarray(drawn + np.sqrt(known.doubt_of_items(items, taste.mean)) * of_items)

    def _normal(self, infos: Infos, size: int) -> Array:
        """Standard normal draws ``(B, size)``."""
        seeds, episodes, steps = (np.asarray(infos[name])[:, None] for name in ("seed", "session", "step"))
        draws: Array = normal(seeds, episodes, AGENT, steps * size + np.arange(size), lane=self.seed)
        return draws
