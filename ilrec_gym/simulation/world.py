"""The world that user models live in: tables that stay the same from session to session. Hidden from agents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

from ilrec_gym.errors import UsageError
from ilrec_gym.simulation.backend import Backend
from ilrec_gym.simulation.preferences import PreferenceModel
from ilrec_gym.simulation.state import SimulatorState


@dataclass(frozen=True)
class World:
    """Who likes what, and what the items are.

    Attributes:
        preferences: The rating that each user would give each item.
        item_vectors: ``(I, G)`` float64 content vectors e_i.
        aspiration: ``(U,)`` float64, what each user has come to expect.
        rating_scale: Lowest and highest rating.
        genres: ``(I, G)`` bool; needed by rules about genres only.
        distances: Between items; needed by rules about similar items only.
    """

    preferences: PreferenceModel
    item_vectors: Any
    aspiration: Any
    rating_scale: tuple[float, float]
    genres: Any = None
    distances: Any = None

    def __post_init__(self) -> None:
        if not self.rating_scale[0] < self.rating_scale[1]:
            raise UsageError("rating_scale must be (lowest, highest)", received=self.rating_scale)

    @property
    def half(self) -> float:
        """Half the width of the rating scale."""
        return (self.rating_scale[1] - self.rating_scale[0]) / 2

    def liked(self, state: SimulatorState, items: Any) -> Any:
        """R(u, a): ``(B,)`` preference model's ratings of one item for each session, within the scale."""
        ratings = self.preferences.rate(state.tastes, items)
        return array_namespace(ratings).clip(ratings, *self.rating_scale)

    def on(self, backend: Backend) -> World:
        """The same world with its tables on another device."""
        return backend.move(self)
