"""The simulator: B sessions in lock-step under one user model. Everything in here is hidden from agents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.errors import UsageError
from ilrec_gym.simulation.preferences import PreferenceModel
from ilrec_gym.simulation.user_model import HiddenState, UserModel

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass
class SimulatorState:
    """B sessions under way. Row b is one session.

    Attributes:
        users: ``(B,)`` int64 user indices.
        steps: ``(B,)`` int64, items shown so far.
        shown: ``(B, max_steps)`` int32 item indices in order, padded with -1.
        ratings: ``(B, max_steps)`` float64 ratings given, padded with nan.
        hidden: What goes on in the users' heads.
    """

    users: NDArray[np.int64]
    steps: NDArray[np.int64]
    shown: NDArray[np.int32]
    ratings: Array
    hidden: HiddenState


@dataclass(frozen=True)
class Outcome:
    """What one step of B sessions gave.

    Attributes:
        rating: ``(B,)`` float64 rating given, the reward.
        terminated: ``(B,)`` bool, the user left.
        truncated: ``(B,)`` bool, the session reached ``max_steps`` and the user had not left.
    """

    rating: Array
    terminated: Flags
    truncated: Flags


@dataclass(frozen=True)
class Simulator:
    """A user model over a preference model.

    Attributes:
        preferences: Who likes what.
        item_vectors: ``(I, G)`` float64 content vectors e_i.
        aspiration: ``(U,)`` float64, what each user has come to expect.
        user_model: Satiation and exit rule.
        rating_scale: Lowest and highest rating.
        max_steps: The horizon.
    """

    preferences: PreferenceModel
    item_vectors: Array
    aspiration: Array
    user_model: UserModel
    rating_scale: tuple[float, float]
    max_steps: int = 100

    def __post_init__(self) -> None:
        if isinstance(self.max_steps, bool) or not isinstance(self.max_steps, (int, np.integer)) or self.max_steps < 1:
            raise UsageError("max_steps must be a whole number, at least 1", received=self.max_steps)
        if not self.rating_scale[0] < self.rating_scale[1]:
            raise UsageError("rating_scale must be (lowest, highest)", received=self.rating_scale)

    def start(self, users: NDArray[np.integer] | Any) -> SimulatorState:
        """Fresh sessions of these users ``(B,)``."""
        chosen: NDArray[np.int64] = np.array(users, np.int64)
        n, width = len(chosen), self.item_vectors.shape[1]
        return SimulatorState(
            users=chosen,
            steps=np.zeros(n, np.int64),
            shown=np.full((n, self.max_steps), -1, np.int32),
            ratings=np.full((n, self.max_steps), np.nan),
            hidden=self.user_model.fresh(np.zeros((n, width))),
        )

    def restart(self, state: SimulatorState, rows: NDArray[np.integer], users: NDArray[np.integer]) -> None:
        """Begin new sessions in some rows, in place."""
        state.users[rows], state.steps[rows], state.shown[rows], state.ratings[rows] = users, 0, -1, np.nan
        fresh = self.user_model.fresh(state.hidden.memory[rows])
        state.hidden.memory[rows], state.hidden.patience[rows] = fresh.memory, fresh.patience

    def step(
        self, state: SimulatorState, items: NDArray[np.integer] | Any, rows: NDArray[np.integer] | Any = None
    ) -> Outcome:
        """Show one item in each session (or in those of ``rows``), in place.

        Args:
            state: The sessions; changed in place.
            items: ``(R,)`` item indices, one for each row that plays.
            rows: ``(R,)`` the rows that play; all of them if None.
        """
        rows = np.arange(len(state.users)) if rows is None else rows
        users, steps, items = state.users[rows], state.steps[rows], np.asarray(items)
        liked = np.clip(self.preferences.predict(users, items), *self.rating_scale)
        repeated = (state.shown[rows] == items[:, None]).any(axis=1)
        before = HiddenState(state.hidden.memory[rows], state.hidden.patience[rows])
        rating, after, left = self.user_model.respond(
            before, liked, self.item_vectors[items], repeated, self.aspiration[users], self.rating_scale
        )
        state.hidden.memory[rows], state.hidden.patience[rows] = after.memory, after.patience
        state.shown[rows, steps], state.ratings[rows, steps] = items, rating
        state.steps[rows] = steps + 1
        return Outcome(rating, left, ~left & (steps + 1 >= self.max_steps))
