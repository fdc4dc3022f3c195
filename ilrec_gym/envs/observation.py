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
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np
from array_api_compat import array_namespace
from gymnasium import spaces
from numpy.typing import NDArray

from ilrec_gym.errors import unknown_name
from ilrec_gym.simulation.backend import HOST, Backend
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

    UNCHOSEN: ClassVar[float] = 0.3
    """Weight with which the memories take in what was shown in a slate and not chosen; public, like the decay rates."""

    @classmethod
    def of(cls, scenario: Scenario, n_candidates: int = 0, slate_size: int = 1) -> Layout:
        """The layout for a scenario, with or without a block for offered items; memories take in whole slates."""
        public, n_genres = scenario.public, scenario.catalogue.vectors.shape[1]
        profile = np.concatenate([[1.0, np.abs(public.user_bias).max()], np.abs(public.user_factors).max(axis=0)])
        taste = np.abs(public.item_factors).max(axis=0) * (1 + 1e-5)  # 0.9 + 0.1 is a little above 1 in float32
        most = 1 + cls.UNCHOSEN * (slate_size - 1)
        if slate_size > 1:
            most *= 1 + 1e-5  # as these weights and decays are rounded to float32
        highs = {
            "profile": profile,
            "memory_fast": np.full(n_genres, most / (1 - FAST)),
            "memory_slow": np.full(n_genres, most / (1 - SLOW)),
            "taste": taste,
            "ratings": np.ones(3),
            "steps": np.full(1, 20.0),
        }
        features: tuple[str, ...] = ()
        if n_candidates:
            features = CANDIDATE_FEATURES
            bound = np.array([1.0, 1 / (1 - FAST), 1 / (1 - SLOW), np.square(taste).sum(), 1.0, 20.0])
            highs["candidates"] = np.tile(bound, n_candidates)
        highs = {name: np.maximum(part, 1e-6) for name, part in highs.items()}  # a Box wants room in every place
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

    def part(self, observations: Any, name: str) -> Any:
        """A view ``(..., size)`` of one named part.

        Raises:
            UnknownNameError: No such part.
        """
        if name not in self.sizes:
            raise unknown_name("part of the observation", name, self.sizes)
        return observations[..., self.slices[name]]

    def candidates(self, observations: Any) -> Any:
        """A view ``(..., n_candidates, F)`` of the offered items' features."""
        block = self.part(observations, "candidates")
        return block.reshape(*block.shape[:-1], self.n_candidates, len(self.candidate_features))

    @cached_property
    def context(self) -> Layout:
        """The layout of what precedes the offered items; where none are on offer, the same."""
        sizes = {name: size for name, size in self.sizes.items() if name != "candidates"}
        n = sum(sizes.values())
        return Layout(sizes, self.low[:n], self.high[:n])

    def space(self) -> spaces.Box:
        """The Gymnasium space of one observation."""
        return spaces.Box(self.low, self.high, dtype=np.float32)


class Observer:
    """Writes what everybody may see of B sessions into one ``(B, d)`` float32 buffer, in place.

    The bounds of :class:`Layout` hold without clipping: every moving sum and average stays within them by its own
    decay, also in float32, as rounding is monotonic.

    Args:
        scenario: Whose public half is written.
        layout: Where each part lies.
        backend: Where the buffers live.

    Attributes:
        profiles: ``(U, k + 2)`` the profile part of every user.
        both: ``(I, 2G)`` content vectors of the items, twice side by side: one copy for each memory.
        factors: ``(I, k)`` public factors of the items.
        decay: ``(2G + k,)`` decay of the memories and of the taste per step.
    """

    def __init__(self, scenario: Scenario, layout: Layout, backend: Backend = HOST) -> None:
        self.layout, self.scale = layout, scenario.rating_scale
        put, at = partial(backend.array, dtype="float32"), layout.slices
        vectors = scenario.catalogue.vectors
        self.profiles = put(np.clip(_profiles(scenario), layout.low[at["profile"]], layout.high[at["profile"]]))
        self._vectors, self.both = put(vectors), put(np.concatenate([vectors, vectors], axis=1))
        self.factors = put(scenario.public.item_factors)
        self._means = put(_scaled(scenario.public.mean + scenario.public.item_bias, self.scale))
        self._popularity = put(np.log1p(scenario.catalogue.popularity))
        n_genres = vectors.shape[1]
        self.decay = put(np.repeat([FAST, SLOW, TASTE], [n_genres, n_genres, self.factors.shape[1]]))
        self._bounds = (
            tuple(put(side[at["candidates"]]) for side in (layout.low, layout.high)) if layout.n_candidates else ()
        )

    def begin(self, buffer: Any, rows: Any, users: Any) -> None:
        """Write the observation of fresh sessions of ``users`` ``(R,)`` into ``rows`` ``(R,)``."""
        profile = self.layout.slices["profile"]
        buffer[rows, : profile.stop] = self.profiles[users]
        buffer[rows, profile.stop :] = 0.0

    def update(self, buffer: Any, items: Any, ratings: Any, steps: Any) -> None:
        """Take in the items just shown.

        Args:
            buffer: ``(B, d)``, changed in place.
            items: ``(B,)`` item indices.
            ratings: ``(B,)`` ratings just given, in rating units.
            steps: ``(B,)`` items shown so far, these included.
        """
        self._take_in(buffer, self.both[items], self.factors[items], ratings, steps)

    def update_slate(self, buffer: Any, slates: Any, weights: Any, items: Any, ratings: Any, steps: Any) -> None:
        """Take in the slates just shown.

        Args:
            buffer: ``(B, d)``, changed in place.
            slates: ``(B, k)`` item indices.
            weights: ``(B, k)`` weights with which they are remembered.
            items: ``(B,)`` items chosen, -1 for nothing.
            ratings: ``(B,)`` ratings just given, in rating units.
            steps: ``(B,)`` slates shown so far, these included.
        """
        xp = array_namespace(buffer)
        both = xp.sum(xp.astype(weights, xp.float32)[..., None] * self.both[slates], axis=1)
        factors = xp.where((items >= 0)[:, None], self.factors[items], xp.zeros_like(self.factors[:1]))
        self._take_in(buffer, both, factors, ratings, steps)

    def _take_in(self, buffer: Any, both: Any, factors: Any, ratings: Any, steps: Any) -> None:
        xp, at = array_namespace(buffer), self.layout.slices
        rating = _scaled(ratings, self.scale)
        decaying = buffer[:, at["memory_fast"].start : at["taste"].stop]
        decaying *= self.decay
        memories = buffer[:, at["memory_fast"].start : at["memory_slow"].stop]
        memories += both
        surprise = (1 - TASTE) * xp.clip(rating - buffer[:, at["profile"].start], -1.0, 1.0)
        taste = buffer[:, at["taste"]]
        taste += xp.astype(surprise, xp.float32)[:, None] * factors
        last = at["ratings"].start
        first = steps == 1
        buffer[:, last] = rating
        for place, decay in ((last + 1, FAST), (last + 2, SLOW)):
            average = buffer[:, place]
            average += xp.where(first, 1.0, 1 - decay) * (rating - average)
        buffer[:, at["steps"].start] = xp.log1p(xp.astype(steps, xp.float64))

    def offer(self, buffer: Any, rows: Any, candidates: Any, predicted: Any) -> None:
        """Write the features of the items on offer.

        Args:
            buffer: ``(B, d)``.
            rows: ``(R,)`` rows to write.
            candidates: ``(R, n)`` item indices.
            predicted: ``(R, n)`` public predicted ratings, in rating units.
        """
        xp, part = array_namespace(buffer), buffer[rows]
        vectors, factors = self._vectors[candidates], self.factors[candidates]
        similar = partial(_inner, part, self.layout)
        features = [
            xp.astype(_scaled(predicted, self.scale), xp.float32),
            similar(vectors, "memory_fast"),
            similar(vectors, "memory_slow"),
            similar(factors, "taste"),
            self._means[candidates],
            self._popularity[candidates],
        ]
        block = xp.reshape(xp.stack(features, axis=-1), (len(part), -1))
        buffer[rows, self.layout.slices["candidates"]] = xp.clip(block, *self._bounds)


def _inner(part: Any, layout: Layout, table: Any, name: str) -> Any:
    """``(R, n)`` inner products of n vectors ``(R, n, w)`` with one part of each observation."""
    return (table @ layout.part(part, name)[..., None])[..., 0]


def _scaled(ratings: Any, scale: tuple[float, float]) -> Any:
    low, high = scale
    return (ratings - (low + high) / 2) / ((high - low) / 2)


def _profiles(scenario: Scenario) -> NDArray[np.float64]:
    public, given = scenario.public, scenario.users.profile_ratings
    known = ~np.isnan(given)
    total = np.where(known, given, 0.0).sum(axis=1)
    mean = np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), public.mean)
    return np.concatenate(
        [_scaled(mean, scenario.rating_scale)[:, None], public.user_bias[:, None], public.user_factors], axis=1
    )
