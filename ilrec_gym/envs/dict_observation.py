"""The observation in named parts, for agents that read histories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from ilrec_gym.envs.observation import Layout
from ilrec_gym.simulation.backend import backend_like, copied, to_host
from ilrec_gym.simulation.scenario import Scenario
from ilrec_gym.simulation.simulator import SimulatorState


@dataclass(frozen=True)
class DictObservation:
    """Adds profile and history to the flat features.

    Attributes:
        scenario: Where profiles come from.
        layout: Of the flat features.
        max_steps: Length of the padded history.
    """

    scenario: Scenario
    layout: Layout
    max_steps: int

    def space(self) -> spaces.Dict:
        """The Gymnasium space."""
        return spaces.Dict(
            features=self.layout.space(),
            profile_items=self._items(self.scenario.users.profile_items.shape[1]),
            profile_ratings=self._ratings(self.scenario.users.profile_items.shape[1]),
            history_items=self._items(self.max_steps),
            history_ratings=self._ratings(self.max_steps),
        )

    def __call__(self, features: Any, state: SimulatorState) -> dict[str, Any]:
        """The observations of all rows, each part with first axis B."""
        users, put = self.scenario.users, backend_like(features).array
        rows = to_host(state.users)
        return {
            "features": features,
            "profile_items": put(users.profile_items[rows]),
            "profile_ratings": put(np.nan_to_num(users.profile_ratings[rows]), "float32"),
            "history_items": copied(state.shown),
            "history_ratings": put(np.nan_to_num(to_host(state.ratings)), "float32"),
        }

    def _items(self, length: int) -> spaces.Box:
        return spaces.Box(-1, len(self.scenario.catalogue) - 1, (length,), np.int32)

    def _ratings(self, length: int) -> spaces.Box:
        return spaces.Box(0.0, self.scenario.rating_scale[1], (length,), np.float32)
