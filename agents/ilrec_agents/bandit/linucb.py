"""LinUCB: the item whose rating could be highest, within a confidence bound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ilrec_agents.bandit.features import Array, Offered, Whole
from ilrec_agents.bandit.linear import LinearBandit, LinearConfig
from ilrec_agents.bandit.regression import Belief
from ilrec_agents.base import Infos
from ilrec_agents.checks import number


@dataclass(frozen=True)
class LinUCBConfig(LinearConfig):
    """Settings of ``linucb``, besides those of every linear bandit.

    Attributes:
        alpha: Width of the bound, in standard deviations of the noise.
    """

    alpha: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "alpha")


class LinUCBAgent(LinearBandit):
    """Takes the item with the highest upper confidence bound of its rating.

        score = x . theta + b_i + q . w  +  alpha s sqrt(x^T A^-1 x + d_i + q^T M^-1 q),   d_i = 1 / (n_i + 1 / u)

    The hybrid model of the paper, of whose article part one number is left, and with a part of the session's own.
    """

    name = "linucb"
    source = "Li et al., WWW 2010"
    Config = LinUCBConfig

    def _optimistic(self, choices: Offered | Whole, shared: Belief, taste: Belief, infos: Infos) -> Array:
        known = self.known
        mean = choices.x @ shared.mean + known.bias[choices.items] + choices.liked(taste.mean)
        variance = np.square(choices.x @ shared.root).sum(axis=-1) + choices.spread(taste.root)
        return mean + self.config.alpha * known.noise * np.sqrt(variance + known.doubt[choices.items])
