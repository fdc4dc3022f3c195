"""Sessions in which each step shows a slate of items, and the viewer chooses one of them or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from ilrec_gym.envs.observation import Layout
from ilrec_gym.envs.sessions import Infos, Sessions
from ilrec_gym.errors import UsageError
from ilrec_gym.simulation.backend import copied
from ilrec_gym.simulation.choice import valid_places
from ilrec_gym.simulation.scenario import Scenario
from ilrec_gym.simulation.simulator import Outcome, Simulator
from ilrec_gym.simulation.user_models.recsim import slate_weights


class SlateSessions(Sessions):
    """B sessions whose action is a slate of ``slate_size`` items of the catalogue.

    Attributes:
        slate: ``(B, k)`` int64 items shown last, -1 in emptied places and before the first step.
        clicks: ``(B, k)`` bool, the place that was chosen from it, if any.
    """

    def __init__(
        self, scenario: Scenario, simulator: Simulator, n: int, info: Sequence[str] = (), slate_size: int = 3
    ) -> None:
        size = len(scenario.catalogue)
        if isinstance(slate_size, bool) or not isinstance(slate_size, (int, np.integer)) or not 1 <= slate_size <= size:
            raise UsageError(
                f"slate_size must be a whole number between 1 and the catalogue's size {size}", received=slate_size
            )
        if not hasattr(simulator.user_model, "respond_to_slate"):
            raise UsageError(
                "slates need a user model that chooses from them",
                received=type(simulator.user_model).__name__,
                fix='user_model="recsim"',
            )
        self.slate_size = int(slate_size)
        self.slate = simulator.backend.full((n, self.slate_size), -1, "int64")
        self.clicks = simulator.backend.full((n, self.slate_size), False, "bool")
        super().__init__(scenario, simulator, n, info)

    @property
    def action_space(self) -> spaces.MultiDiscrete:
        """The space of one session's slate."""
        return spaces.MultiDiscrete([self.n_actions] * self.slate_size)

    def begin(self, users: Any, rows: Any = None, *, seeds: Any = 0, episodes: Any = 0) -> None:
        """As in :class:`Sessions`; nothing was shown yet."""
        super().begin(users, rows, seeds=seeds, episodes=episodes)
        rows = slice(None) if rows is None else self.backend.array(rows, "int64")
        self.slate[rows], self.clicks[rows] = -1, False

    def advance(self, items: Any) -> Outcome:
        """Show a slate ``(B, k)`` in every row, in place."""
        outcome, valid = self.simulator.step(self.state, items), valid_places(items)
        xp = self.backend.xp
        self._rating[...], self._item[...] = outcome.rating, outcome.items
        self.slate[...] = xp.where(valid, items, xp.full_like(items, -1))
        places = xp.arange(self.slate_size, device=self.backend.device)
        self.clicks[...] = places == outcome.place[:, None]
        weights = slate_weights(valid, outcome.place, Layout.UNCHOSEN)
        self.observer.update_slate(self.observations, items, weights, outcome.items, outcome.rating, self.state.steps)
        self.running[...] = ~(outcome.terminated | outcome.truncated)
        return outcome

    def infos(self) -> Infos:
        """As in :class:`Sessions`, with ``slate`` and ``clicks``."""
        return super().infos() | {"slate": copied(self.slate), "clicks": copied(self.clicks)}

    def action_mask(self) -> Any:
        """``(B, k * I)`` bool, one mask per place: False for items that the viewer has watched."""
        return self.backend.xp.concat([self.unseen()] * self.slate_size, axis=1)

    @property
    def _rows_of_public(self) -> tuple[Any, ...]:
        return (*super()._rows_of_public, self.slate, self.clicks)

    def _layout(self) -> Layout:
        return Layout.of(self.scenario, slate_size=self.slate_size)
