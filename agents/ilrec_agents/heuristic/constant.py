"""Agents that know no user: random with and without repeats, popular, best average."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Infos, ItemScoringAgent, Observations, StochasticAgent, allowed


class RandomAgent(StochasticAgent):
    """Uniform over all actions, also over items that the user has seen: it asks for no mask."""

    name = "random"
    info: ClassVar[tuple[str, ...]] = ()

    def probabilities(self, observations: Observations, infos: Infos) -> NDArray[np.float64]:
        """The same for every action; for every allowed one where somebody else asked for a mask."""
        mask = allowed(infos, (len(observations), self.task.n_actions))
        return mask / mask.sum(axis=1, keepdims=True)


class RandomMaskedAgent(RandomAgent):
    """Uniform over the items that the user has not seen, in the profile or in this session."""

    name = "random_masked"
    info = ("action_mask",)


class PopularAgent(ItemScoringAgent):
    """The item with the most ratings by train users."""

    name = "popular"

    def item_scores(self, observations: Observations, infos: Infos) -> NDArray[np.floating]:
        """Number of ratings by train users, the same for everybody."""
        return np.tile(self.task.catalogue.popularity.astype(float), (len(observations), 1))


class BestAverageAgent(ItemScoringAgent):
    """The item with the highest bias: the best rated by train users, shrunk where ratings are few."""

    name = "best_average"

    def item_scores(self, observations: Observations, infos: Infos) -> NDArray[np.floating]:
        """Item biases of the public factors, the same for everybody."""
        return np.tile(self.task.public.item_bias, (len(observations), 1))
