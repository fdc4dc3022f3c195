"""The simulator: B sessions in lock-step under one user model. Everything in here is hidden from agents."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from array_api_compat import array_namespace

from ilrec_gym.errors import UsageError
from ilrec_gym.simulation.backend import HOST, Backend
from ilrec_gym.simulation.state import SimulatorState
from ilrec_gym.simulation.user_models.base import UserModel
from ilrec_gym.simulation.user_models.recsim import RecSim, at_place
from ilrec_gym.simulation.world import World


@dataclass(frozen=True)
class Outcome:
    """What one step of B sessions gave.

    Attributes:
        rating: ``(B,)`` float64 rating given, the reward.
        terminated: ``(B,)`` bool, the user left.
        truncated: ``(B,)`` bool, the session reached ``max_steps`` and the user had not left.
        items: ``(B,)`` int64 items watched; -1 where nothing of a slate was chosen.
        place: ``(B,)`` int64 places chosen from slates, -1 for nothing; None where one item was shown.
    """

    rating: Any
    terminated: Any
    truncated: Any
    items: Any
    place: Any = None


@dataclass(frozen=True)
class Simulator:
    """A user model in a world.

    Attributes:
        world: Who likes what, and what the items are; on the device of ``backend``.
        user_model: Satiation and exit rule.
        max_steps: The horizon.
        backend: Where the sessions' arrays live.
    """

    world: World
    user_model: UserModel
    max_steps: int = 100
    backend: Backend = field(default=HOST)

    def __post_init__(self) -> None:
        if isinstance(self.max_steps, bool) or not isinstance(self.max_steps, (int, np.integer)) or self.max_steps < 1:
            raise UsageError("max_steps must be a whole number, at least 1", received=self.max_steps)
        self.user_model.check(self.world)

    def start(self, users: Any, *, seeds: Any = 0, episodes: Any = 0) -> SimulatorState:
        """Fresh sessions of these users ``(B,)``.

        Args:
            users: User indices.
            seeds: ``(B,)`` or one, each session's own seed.
            episodes: ``(B,)`` or one, the number of each one among the sessions of its seed, from 0.
        """
        put, full = self.backend.array, self.backend.full
        users, n = put(users, "int64"), len(users)
        state = SimulatorState(
            users=users,
            seeds=full(n, 0, "int64"),
            episodes=full(n, 0, "int64"),
            steps=full(n, 0, "int64"),
            shown=full((n, self.max_steps), -1, "int32"),
            ratings=full((n, self.max_steps), np.nan, "float64"),
            tastes=put(self.world.preferences.tastes(users)),
            aspiration=put(self.world.aspiration[users]),
            exits=full(n, 0, "int8"),
            hidden=self.user_model.fresh(self.world, users),
        )
        state.seeds[...], state.episodes[...] = put(seeds), put(episodes)
        return state

    def restart(self, state: SimulatorState, rows: Any, users: Any, *, seeds: Any = 0, episodes: Any = 0) -> None:
        """Begin new sessions in some rows, in place; arguments as in :meth:`start`."""
        state.users[rows], state.seeds[rows], state.episodes[rows] = users, seeds, episodes
        state.steps[rows], state.shown[rows], state.ratings[rows], state.exits[rows] = 0, -1, np.nan, 0
        state.tastes[rows] = self.world.preferences.tastes(users)
        state.aspiration[rows] = self.world.aspiration[users]
        for name, fresh in self.user_model.fresh(self.world, users).items():
            state.hidden[name][rows] = fresh

    def step(self, state: SimulatorState, items: Any) -> Outcome:
        """Show one item, or a slate, in each session, in place.

        Args:
            state: The sessions; changed in place. Those that have ended must not be played on.
            items: ``(B,)`` item indices, or ``(B, k)`` for slates, which the user model must know how to choose from.
        """
        items, place = self.backend.array(items, "int64"), None
        if items.ndim == 1:
            rating, exits = self.user_model.respond(self.world, state, items)
        else:
            slates, model = items, cast(RecSim, self.user_model)
            rating, exits, place = model.respond_to_slate(self.world, state, slates)
            items = self.backend.xp.where(place < 0, place, at_place(slates, place))
        t = array_namespace(items).clip(state.steps, None, self.max_steps - 1)
        rows = self._rows(len(state))
        state.shown[rows, t], state.ratings[rows, t] = _as(items, state.shown), rating
        state.exits[...] = exits
        state.steps += 1
        left = exits > 0
        return Outcome(rating, left, ~left & (state.steps >= self.max_steps), items, place)

    def _rows(self, n: int) -> Any:
        xp = self.backend.xp
        return xp.arange(n, device=self.backend.device)


def _as(values: Any, like: Any) -> Any:
    return array_namespace(values).astype(values, like.dtype)
