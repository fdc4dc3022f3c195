"""Factor UCB: as LinUCB, and items' factors are learned from play, too."""

from __future__ import annotations

from dataclasses import dataclass

from ilrec_agents.bandit.linucb import LinUCBAgent, LinUCBConfig


@dataclass(frozen=True)
class FactorUCBConfig(LinUCBConfig):
    """Settings of ``factor_ucb``; those of ``linucb``, with other defaults."""

    total_timesteps: int = 120_000
    item_factors: float = 30.0


class FactorUCBAgent(LinUCBAgent):
    """Takes the item with the highest upper confidence bound of its rating, and factorises the ratings that it gets.

    The model is that of ``linucb``, and q_i ~ N(public factors, u' s^2 I) is found by turns with the sessions' w, by
    ridge regression. The paper's users have friends who share their taste; these have none.
    """

    name = "factor_ucb"
    source = "Wang et al., AAAI 2017"
    Config = FactorUCBConfig
