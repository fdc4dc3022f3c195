"""Sessions under way: what the simulator keeps of each. Row b is one session; everything changes in place."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from array_api_compat import array_namespace


@dataclass
class SimulatorState:
    """B sessions, on arrays of one library and device.

    Attributes:
        users: ``(B,)`` int64 user indices.
        seeds: ``(B,)`` int64, each session's own seed, from which its draws come.
        episodes: ``(B,)`` int64, the number of each one among the sessions of its seed, from 0.
        steps: ``(B,)`` int64, items shown so far.
        shown: ``(B, max_steps)`` int32 item indices in order, padded with -1.
        ratings: ``(B, max_steps)`` float64 ratings given, padded with nan.
        tastes: ``(B, w)`` float64, what the preference model knows of each session's user.
        aspiration: ``(B,)`` float64, what each user has come to expect.
        exits: ``(B,)`` int8, 0 while the user stays, k when they left for the k-th of the user model's reasons.
        hidden: What else goes on in the users' heads, by name; arrays with first axis B.
    """

    users: Any
    seeds: Any
    episodes: Any
    steps: Any
    shown: Any
    ratings: Any
    tastes: Any
    aspiration: Any
    exits: Any
    hidden: dict[str, Any]

    def __len__(self) -> int:
        return len(self.users)

    def played(self, items: Any) -> Any:
        """``(B,)`` bool, whether each session has had the item already."""
        # Waiting for a device to say how far the sessions are costs more there than comparing the padding too.
        reach = int(self.steps.max(initial=0)) if isinstance(self.steps, np.ndarray) else None
        xp = array_namespace(items)
        return xp.any(self.shown[:, :reach] == xp.astype(items, xp.int32)[:, None], axis=1)

    def take(self, rows: Any) -> SimulatorState:
        """A copy of some rows, which may come more than once: for planning, or to put back later."""
        arrays = {name: getattr(self, name)[rows] for name in _ARRAYS}
        return SimulatorState(**arrays, hidden={name: array[rows] for name, array in self.hidden.items()})

    def put(self, rows: Any, other: SimulatorState) -> None:
        """Overwrite some rows with those of another state, in their order."""
        for name in _ARRAYS:
            getattr(self, name)[rows] = getattr(other, name)
        for name, array in self.hidden.items():
            array[rows] = other.hidden[name]


_ARRAYS = tuple(field.name for field in fields(SimulatorState) if field.name != "hidden")
