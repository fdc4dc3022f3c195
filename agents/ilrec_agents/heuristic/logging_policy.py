"""The policy that writes logs: a stochastic mix with full support, so that every action has a known propensity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Infos, Observations, StochasticAgent, allowed
from ilrec_agents.checks import number
from ilrec_gym.errors import UsageError


@dataclass(frozen=True)
class LoggingConfig:
    """Settings of ``logging``. The shares are taken in proportion to their sum, which is above 0.

    Attributes:
        random: Share of uniform choices.
        popular: Share of choices with probability proportional to popularity.
        greedy: Share of choices by softmax of the predicted rating.
        temperature: Of the softmax, in half scales; above 0.
    """

    random: float = 0.4
    popular: float = 0.2
    greedy: float = 0.4
    temperature: float = 0.1

    def __post_init__(self) -> None:
        number(self, "random", "popular", "greedy")
        number(self, "temperature", open_low=True)
        if not self.random + self.popular + self.greedy > 0:
            raise UsageError("one of the shares random, popular and greedy must be above 0", received=self)


class LoggingAgent(StochasticAgent):
    """A mix of random, popular and softmax-greedy, drawn anew at every step.

    pi(i) = w_random / n + w_popular pop_i / sum pop + w_greedy softmax(predicted_i / (temperature half))
    """

    name = "logging"
    Config = LoggingConfig

    def probabilities(self, observations: Observations, infos: Infos) -> NDArray[np.float64]:
        """The mix over the allowed actions."""
        mask = allowed(infos, (len(observations), self.task.n_actions))
        popularity = np.tile(1.0 + self.task.catalogue.popularity, (len(mask), 1))
        predicted = self.task.public.predict_all(infos["user_index"])
        if self.task.n_candidates:
            popularity, predicted = (
                np.take_along_axis(x, infos["candidates"], axis=1) for x in (popularity, predicted)
            )
        scaled = np.where(mask, predicted, -np.inf) / (self.config.temperature * self.task.half)
        softmax = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        parts = zip(
            (self.config.random, self.config.popular, self.config.greedy),
            (mask, mask * popularity, softmax),
            strict=True,
        )
        mixed = sum(weight * part / part.sum(axis=1, keepdims=True) for weight, part in parts)
        return mixed / mixed.sum(axis=1, keepdims=True)
