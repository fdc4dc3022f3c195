"""The observation in named parts, for agents that read histories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ilrec_gym.envs.observation import Layout
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

    def __call__(self, features: NDArray[np.float32], state: SimulatorState) -> dict[str, Any]:
        """The observation of row 0."""
        users = self.scenario.users
        return {
            "features": features,
            "profile_items": users.profile_items[state.users[0]].copy(),
            "profile_ratings": np.nan_to_num(users.profile_ratings[state.users[0]]).astype(np.float32),
            "history_items": state.shown[0].copy(),
            "history_ratings": np.nan_to_num(state.ratings[0]).astype(np.float32),
        }

    def _items(self, length: int) -> spaces.Box:
        return spaces.Box(-1, len(self.scenario.catalogue) - 1, (length,), np.int32)

    def _ratings(self, length: int) -> spaces.Box:
        return spaces.Box(0.0, self.scenario.rating_scale[1], (length,), np.float32)
