"""What agents share that predict the next rating by a linear model: scores, and a session's own taste so far."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ilrec_agents.bandit.beliefs import Belief
from ilrec_agents.bandit.features import SHARED, Array, Choices, Features
from ilrec_agents.bandit.regression import Regression
from ilrec_agents.base import Infos, Observations, ScoringAgent
from ilrec_agents.checks import number
from ilrec_agents.learning import HISTORY
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError
from ilrec_gym.files import read_arrays, read_json, write_arrays, write_json

WEIGHTS = "weights.npz"
_CELLS = 250_000  # items that are scored at once: the features of more do not fit into a processor's cache


@dataclass(frozen=True)
class LinearConfig:
    """Settings that all agents with a linear model have.

    Attributes:
        ridge: lambda, the weight of the prior around 0 of the shared weights.
        taste: Prior variance of a session's own weights, in variances of the noise; 0: sessions have none.
        item_bias: Prior variance of a number of the item's own, in variances of the noise; 0: items have none.
        item_factors: The same of each of the item's factors, around the public ones; 0: these are taken as they are.
        foresight: How often similarity to what was shown counts when an item is chosen. Once is what it costs the next
            rating; what is shown now also costs the ratings to come, and 2 counts that as much again. The papers: 1.
    """

    ridge: float = 1.0
    taste: float = 0.5
    item_bias: float = 0.1
    item_factors: float = 0.0
    foresight: float = 2.0

    def __post_init__(self) -> None:
        number(self, "ridge", open_low=True)
        number(self, "taste", "item_bias", "item_factors", "foresight")


class LinearAgent(ScoringAgent):
    """Predicts the next rating by a linear model, and knows where it is not sure.

        y = x . theta + b_i + q_i . w + noise

    x are features that everybody shares the weights theta of: predicted rating, similarity to what was shown lately,
    mean and popularity of the item. b_i is the item's own: how much better or worse it is liked than all that says. q_i
    are the item's factors, and w a taste that the profile did not show: each session begins at w ~ N(0, v s^2 I) and
    learns from its own ratings, read from the history, so ``act`` keeps no state. It learns one rating ahead, and knows
    nothing of when users leave; what foresight it has is ``foresight``.
    """

    info = ("action_mask", "history")
    Config: ClassVar[type[Any]] = LinearConfig
    history: list[dict[str, float]]

    def __init__(self, task: Task, config: Any, *, seed: int = 0, device: str = "auto") -> None:
        super().__init__(task, config, seed=seed, device=device)
        self._features = Features(task)
        self._regression: Regression | None = None

    @abstractmethod
    def _scored(self, choices: Choices, theta: Belief, taste: Belief, infos: Infos) -> Array:
        """Scores ``(B, n)``, which make of doubt what they will.

        Args:
            choices: What may be shown.
            theta: What is believed of theta, the same for all sessions: ``(5,)`` and ``(5, 5)``.
            taste: What is believed of each session's w: ``(B, k)`` and ``(B, k, k)``.
            infos: Of the sessions.
        """

    @property
    def known(self) -> Regression:
        """What was learned.

        Raises:
            UsageError: Nothing yet.
        """
        if self._regression is None:
            raise UsageError(
                f"the agent {self.name!r} must have learned before it acts or is saved",
                fix="call fit(env), or load one",
            )
        return self._regression

    def scores(self, observations: Observations, infos: Infos) -> Array:
        """Scores ``(B, n_actions)``, a few rows at a time."""
        theta, n = self.known.sums.theta, self.task.n_actions
        found, rows = np.empty((len(observations), n)), max(1, _CELLS // n)
        memory = self.task.layout.part(observations, "memory_fast").astype(np.float64)
        counts = np.where(np.array(SHARED) == "similarity", self.config.foresight, 1.0)
        ahead = theta._replace(mean=counts * theta.mean)
        for first in range(0, len(found), rows):
            part = slice(first, first + rows)
            some = {name: values[part] for name, values in infos.items()}
            choices = self._features.now(memory[part], some)
            taste = self.known.of_sessions(self._features.past(some), theta.mean)
            found[part] = self._scored(choices, ahead, taste, some)
        return found

    def _predicted(self, choices: Choices, theta: Belief, taste: Belief) -> tuple[Array, Array]:
        """Means ``(B, n)`` of the next rating, and standard deviations of what is not known of it, in half scales."""
        known, items = self.known, choices.items
        mean = choices.x @ theta.mean + known.expected(items, taste.mean)
        variance = (choices.x @ theta.covariance * choices.x).sum(axis=-1)
        variance += known.doubt_of_items(items, taste.mean) + known.doubt_of_sessions(items, taste.covariance)
        return mean, known.noise * np.sqrt(variance)

    def _ignorant(self) -> Regression:
        config = self.config
        return Regression(
            self.task.public.item_factors,
            ridge=config.ridge,
            taste=config.taste,
            item_bias=config.item_bias,
            item_factors=config.item_factors,
        )

    def _save_learned(self, folder: Path) -> None:
        write_arrays(folder / WEIGHTS, self.known.arrays)
        write_json(folder / HISTORY, self.history)

    def _load_learned(self, folder: Path) -> None:
        self._regression, self.history = self._ignorant(), read_json(folder / HISTORY)
        self.known.restore(read_arrays(folder / WEIGHTS))
