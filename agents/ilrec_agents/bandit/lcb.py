"""LCB: the bandits' model fitted to logged sessions, and caution where the log says little."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from tqdm import trange

from ilrec_agents.bandit.beliefs import Belief
from ilrec_agents.bandit.features import Array, Choices, Shown
from ilrec_agents.bandit.linear import LinearAgent, LinearConfig
from ilrec_agents.base import Infos, Watch
from ilrec_agents.checks import number, whole
from ilrec_agents.learning import Watched
from ilrec_agents.offline.belonging import check_datasets, check_ratings
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.offline.shown import histories

_TOGETHER = 256  # sessions that are taken in at once


@dataclass(frozen=True)
class LCBConfig(LinearConfig):
    """Settings of ``lcb``, besides those of its model, whose items' factors are learned here.

    Attributes:
        alpha: Width of the bound, in standard deviations of the noise.
        updates: Turns between the weights of everybody and sessions, and those of the items.
    """

    item_factors: float = 30.0
    alpha: float = 0.25
    updates: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "alpha")
        whole(self, "updates")


class LCBAgent(LinearAgent):
    """Takes the item with the highest lower confidence bound of its rating, fitted to a log of ratings.

        score = x . theta + b_i + q_i . w  -  alpha s sqrt(x^T A^-1 x + z^T S_i z + q_i^T M^-1 q_i),   z = (1, w)

    The model is that of ``factor_ucb``. Of an item that was never shown little is known, and pessimism stays away.

    Attributes:
        history: Per update how many there were, and the ``noise`` s, in half scales.
    """

    name = "lcb"
    family = "offline"
    learns_from = "dataset"
    source = "Rashidinejad et al., NeurIPS 2021"
    Config = LCBConfig

    def _scored(self, choices: Choices, theta: Belief, taste: Belief, infos: Infos) -> Array:
        mean, deviation = self._predicted(choices, theta, taste)
        return mean - self.config.alpha * deviation

    def fit(self, source: Any = None, *, watch: Watch | None = None) -> Self:
        """Learn from a :class:`SessionDataset` of ratings, each session with its user.

        Raises:
            UsageError: Not a dataset, one of another task, without the extra ``user_id``, or with rewards that are no
                ratings.
        """
        check_datasets(self.task, dataset=source)
        check_ratings(source, self.task)
        known, self.history = self._ignorant(), []
        for shown in self._shown(source):
            known.take_in(shown)
        updates, watched = self.config.updates, Watched(watch, self, self.config.updates)
        for update in trange(1, updates + 1, desc=f"training {self.name}", unit="update", disable=None, leave=False):
            known.sweep()
            self._regression = known
            self.history.append({"updates": update, "noise": known.noise})
            if watched.due(update):
                watched.show(update)
        return self

    def _shown(self, dataset: SessionDataset) -> Iterator[Shown]:
        infos = histories(dataset, self.task)
        for first in range(0, len(dataset), _TOGETHER):
            some = {name: values[first : first + _TOGETHER] for name, values in infos.items()}
            yield self._features.past(some)
