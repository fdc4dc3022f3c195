"""Agents that score the catalogue by public factors, with and without a thought of variety."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Infos, ItemScoringAgent, Observations
from ilrec_agents.checks import number
from ilrec_gym.envs.retriever import WEIGHT


@dataclass(frozen=True)
class VarietyConfig:
    """Settings of the agents that keep variety.

    Attributes:
        similarity_weight: How much similarity to what was shown costs, in half scales.
    """

    similarity_weight: float = WEIGHT

    def __post_init__(self) -> None:
        number(self, "similarity_weight")


@dataclass(frozen=True)
class AheadConfig(VarietyConfig):
    """Settings of ``mmr_ahead``.

    Attributes:
        similarity_weight: How much similarity to what was shown costs, in half scales.
    """

    similarity_weight: float = 2 * WEIGHT


class GreedyAgent(ItemScoringAgent):
    """The item with the highest rating predicted from the user's profile."""

    name = "greedy"

    def item_scores(self, observations: Observations, infos: Infos) -> NDArray[np.floating]:
        """Predicted rating m + b_u + b_i + p_u . q_i on public factors."""
        return self.task.public.predict_all(infos["user_index"])


class PlaylistAgent(ItemScoringAgent):
    """One list for everybody that rotates genres: item bias minus similarity to what was shown."""

    name = "playlist"
    Config = VarietyConfig

    def item_scores(self, observations: Observations, infos: Infos) -> NDArray[np.floating]:
        """b_i - w half (e_i . g), without any personal input."""
        return self.task.public.item_bias - self._similarity(observations)

    def _similarity(self, observations: Observations) -> NDArray[np.floating]:
        memory = self.task.layout.part(observations, "memory_fast").astype(float)
        return self.config.similarity_weight * self.task.half * (memory @ self.task.catalogue.vectors.T)


class MMRAgent(PlaylistAgent):
    """Predicted rating minus similarity to what was shown: the public retriever's own ranking."""

    name = "mmr"
    source = "Carbonell and Goldstein, SIGIR 1998"

    def item_scores(self, observations: Observations, infos: Infos) -> NDArray[np.floating]:
        """Score m + b_u + b_i + p_u . q_i - w half (e_i . g) on public factors."""
        return self.task.public.predict_all(infos["user_index"]) - self._similarity(observations)


class MMRAheadAgent(MMRAgent):
    """``mmr`` with similarity counted twice: for the rating that it costs now, and for those of the films to come.

    Learners that begin as the public ranking begin here, so what they have learned is their difference to it.
    """

    name = "mmr_ahead"
    Config = AheadConfig
