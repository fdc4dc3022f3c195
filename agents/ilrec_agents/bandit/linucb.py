"""LinUCB: the item whose rating could be highest, within a confidence bound."""

from __future__ import annotations

from dataclasses import dataclass

from ilrec_agents.bandit.beliefs import Belief
from ilrec_agents.bandit.features import Array, Choices
from ilrec_agents.bandit.playing import BanditConfig, LinearBandit
from ilrec_agents.base import Infos
from ilrec_agents.checks import number


@dataclass(frozen=True)
class LinUCBConfig(BanditConfig):
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

        score = x . theta + b_i + q_i . w  +  alpha s sqrt(x^T A^-1 x + z^T S_i z + q_i^T M^-1 q_i),   z = (1, w)

    S_i is the covariance of b_i and q_i, 1 / (n_i + 1 / u) where factors are public. The hybrid model of the paper, of
    whose article part one number is left, and with a part of the session's own.
    """

    name = "linucb"
    source = "Li et al., WWW 2010"
    Config = LinUCBConfig

    def _scored(self, choices: Choices, theta: Belief, taste: Belief, infos: Infos) -> Array:
        mean, deviation = self._predicted(choices, theta, taste)
        return mean + self.config.alpha * deviation
