"""Whose session comes next in each row: drawn by the row's seed and the session's number, nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from ilrec_gym.envs.setting import Setting
from ilrec_gym.simulation.backend import HOST, Backend, rows_where

_AHEAD = 16  # sessions drawn at once: a generator by counter is cheap for many and dear for one


class UserQueue:
    """The users of n rows' next sessions.

    Attributes:
        seeds: ``(n,)`` int64.
        episodes: ``(n,)`` int64, the number of each row's session among those of its seed, from 0; -1 before the first.

    Args:
        setting: Whose users are drawn.
        n: Number of rows.
        backend: Where the arrays live.
    """

    def __init__(self, setting: Setting, n: int, backend: Backend = HOST) -> None:
        self.setting, self._backend = setting, backend
        self.seeds, self.episodes = backend.full(n, 0, "int64"), backend.full(n, -1, "int64")
        self._ahead = backend.full((n, _AHEAD), 0, "int64")

    def seed(self, rows: Any, seeds: Any) -> None:
        """Start rows over from these seeds."""
        self.seeds[rows], self.episodes[rows] = self._backend.array(seeds, "int64"), -1

    def next(self, rows: Any) -> Any:
        """Go on to the next session in these rows ``(R,)``; the indices of its users ``(R,)``."""
        self.episodes[rows] += 1
        place = self.episodes[rows] % _AHEAD
        empty = rows[rows_where(place == 0)]
        if len(empty):
            ahead = self._backend.array(np.arange(_AHEAD))
            episodes = self.episodes[empty][:, None] + ahead
            self._ahead[empty] = self.setting.draw_users(self.seeds[empty][:, None], episodes)
        return self._ahead[rows, place]
