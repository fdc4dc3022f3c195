"""The public observation: one flat Box with a documented layout, written in place. Nothing hidden is in it.

| part | size | what | range |
|---|---|---|---|
| profile | k + 2 | mean rating, bias and public factors of the profile | bounded by the data |
| memory_fast | G | decayed sum (0.8) of the content vectors shown | 0 .. 5 |
| memory_slow | G | decayed sum (0.95) of the same | 0 .. 20 |
| taste | k | decayed mean (0.9) of public factors shown, times rating minus profile mean | bounded by the data |
| ratings | 3 | last rating, moving averages (0.8 and 0.95) of the ratings | -1 .. 1 |
| steps | 1 | ln(1 + items shown) | 0 .. 20 |

Ratings are centred on the middle of the scale and divided by half its width; before the first item they are 0.
k is the number of public factors, G the number of genres.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ilrec_gym.errors import unknown_name
from ilrec_gym.simulation.scenario import Scenario

Array32 = NDArray[np.float32]

FAST, SLOW, TASTE = 0.8, 0.95, 0.9
"""Decay rates of the memories, per step. Public constants, whatever the hidden user model's are."""

CANDIDATE_FEATURES = (
    "predicted_rating",
    "similarity_fast",
    "similarity_slow",
    "taste_match",
    "item_mean",
    "log_popularity",
)
"""Features of one offered item, in the order in which they lie in the observation."""


@dataclass(frozen=True)
class Layout:
    """Where each part of a flat observation lies, and how far its values go.

    Attributes:
        sizes: Part name -> number of values, in order.
        low: ``(d,)`` float32 lowest values.
        high: ``(d,)`` float32 highest values.
        n_candidates: Items offered per step; 0 where the whole catalogue is.
        candidate_features: Names of the features of one offered item.
    """

    sizes: dict[str, int]
    low: Array32
    high: Array32
    n_candidates: int = 0
    candidate_features: tuple[str, ...] = ()

    @classmethod
    def of(cls, scenario: Scenario, n_candidates: int = 0) -> Layout:
        """The layout for a scenario, with or without a block for offered items."""
        public, n_genres = scenario.public, scenario.catalogue.vectors.shape[1]
        profile = np.concatenate([[1.0, np.abs(public.user_bias).max()], np.abs(public.user_factors).max(axis=0)])
        taste = np.abs(public.item_factors).max(axis=0)
        highs = {
            "profile": profile,
            "memory_fast": np.full(n_genres, 1 / (1 - FAST)),
            "memory_slow": np.full(n_genres, 1 / (1 - SLOW)),
            "taste": taste,
            "ratings": np.ones(3),
            "steps": np.full(1, 20.0),
        }
        features: tuple[str, ...] = ()
        if n_candidates:
            features = CANDIDATE_FEATURES
            bound = np.array([1.0, 1 / (1 - FAST), 1 / (1 - SLOW), np.square(taste).sum(), 1.0, 20.0])
            highs["candidates"] = np.tile(bound, n_candidates)
        high = np.concatenate(list(highs.values())).astype(np.float32)
        signed = {"profile", "taste", "ratings", "candidates"}
        low = np.concatenate([-part if name in signed else 0 * part for name, part in highs.items()]).astype(np.float32)
        return cls({name: len(part) for name, part in highs.items()}, low, high, n_candidates, features)

    @property
    def size(self) -> int:
        """Number of values d."""
        return len(self.low)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Part name -> slice of the observation."""
        ends = np.cumsum(list(self.sizes.values())).tolist()
        return {name: slice(end - size, end) for (name, size), end in zip(self.sizes.items(), ends, strict=True)}

    def part(self, observations: Array32, name: str) -> Array32:
        """A view ``(..., size)`` of one named part.

        Raises:
            UnknownNameError: No such part.
        """
        if name not in self.sizes:
            raise unknown_name("part of the observation", name, self.sizes)
        return observations[..., self.slices[name]]

    def candidates(self, observations: Array32) -> Array32:
        """A view ``(..., n_candidates, F)`` of the offered items' features."""
        block = self.part(observations, "candidates")
        return block.reshape(*block.shape[:-1], self.n_candidates, len(self.candidate_features))

    def space(self) -> spaces.Box:
        """The Gymnasium space of one observation."""
        return spaces.Box(self.low, self.high, dtype=np.float32)


@dataclass(frozen=True)
class Observer:
    """Writes what everybody may see of B sessions into one ``(B, d)`` float32 buffer, in place."""

    scenario: Scenario
    layout: Layout

    def begin(self, buffer: Array32, rows: NDArray[np.integer], users: NDArray[np.integer]) -> None:
        """Write the observation of fresh sessions."""
        buffer[rows] = 0.0
        buffer[rows, self.layout.slices["profile"]] = self._profiles[users]
        self._clip(buffer, rows)

    def update(
        self,
        buffer: Array32,
        rows: NDArray[np.integer],
        users: NDArray[np.integer],
        items: NDArray[np.integer],
        ratings: NDArray[np.float64],
        steps: NDArray[np.integer],
    ) -> None:
        """Take in the items just shown and the ratings just given; ``steps`` counts them."""
        at, part = self.layout.slices, buffer[rows]
        vectors, factors = self._vectors[items], self._factors[items]
        rating = self._scaled(ratings).astype(np.float32)[:, None]
        part[:, at["memory_fast"]] = FAST * part[:, at["memory_fast"]] + vectors
        part[:, at["memory_slow"]] = SLOW * part[:, at["memory_slow"]] + vectors
        surprise = np.clip(rating - part[:, at["profile"]][:, :1], -1, 1)
        part[:, at["taste"]] = TASTE * part[:, at["taste"]] + (1 - TASTE) * surprise * factors
        averages = part[:, at["ratings"]]
        first = (steps == 1)[:, None]
        fast = np.where(first, rating, FAST * averages[:, 1:2] + (1 - FAST) * rating)
        slow = np.where(first, rating, SLOW * averages[:, 2:3] + (1 - SLOW) * rating)
        part[:, at["ratings"]] = np.concatenate([rating, fast, slow], axis=1)
        part[:, at["steps"]] = np.log1p(steps)[:, None]
        buffer[rows] = part
        self._clip(buffer, rows)

    def offer(
        self,
        buffer: Array32,
        rows: NDArray[np.integer],
        candidates: NDArray[np.integer],
        predicted: NDArray[np.float64],
    ) -> None:
        """Write the features of the items on offer.

        Args:
            buffer: ``(B, d)``.
            rows: ``(R,)`` rows to write.
            candidates: ``(R, n)`` item indices.
            predicted: ``(R, n)`` public predicted ratings, in rating units.
        """
        part = buffer[rows]
        vectors, factors = self._vectors[candidates], self._factors[candidates]
        features = self.layout.candidates(part)
        features[..., 0] = self._scaled(predicted)
        features[..., 1] = np.einsum("rng,rg->rn", vectors, self.layout.part(part, "memory_fast"))
        features[..., 2] = np.einsum("rng,rg->rn", vectors, self.layout.part(part, "memory_slow"))
        features[..., 3] = np.einsum("rnk,rk->rn", factors, self.layout.part(part, "taste"))
        features[..., 4] = self._scaled(self.scenario.public.mean + self.scenario.public.item_bias)[candidates]
        features[..., 5] = np.log1p(self.scenario.catalogue.popularity)[candidates]
        buffer[rows] = part
        self._clip(buffer, rows)

    def _clip(self, buffer: Array32, rows: NDArray[np.integer]) -> None:
        buffer[rows] = np.clip(buffer[rows], self.layout.low, self.layout.high)

    def _scaled(self, ratings: NDArray[np.float64]) -> NDArray[np.float64]:
        low, high = self.scenario.rating_scale
        return (ratings - (low + high) / 2) / ((high - low) / 2)

    @cached_property
    def _vectors(self) -> Array32:
        return self.scenario.catalogue.vectors.astype(np.float32)

    @cached_property
    def _factors(self) -> Array32:
        return self.scenario.public.item_factors.astype(np.float32)

    @cached_property
    def _profiles(self) -> Array32:
        public, given = self.scenario.public, self.scenario.users.profile_ratings
        known = ~np.isnan(given)
        total = np.where(known, given, 0.0).sum(axis=1)
        mean = np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), public.mean)
        return np.concatenate(
            [self._scaled(mean)[:, None], public.user_bias[:, None], public.user_factors], axis=1
        ).astype(np.float32)
