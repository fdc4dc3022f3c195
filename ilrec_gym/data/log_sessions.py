"""Sessions of a rating log: a user's ratings, cut where they paused for longer than a gap.

The gap is 60 minutes by default, which lies where pauses are rarest: within a sitting they are seconds to minutes long,
between sittings days. In ml-latest-small and ml-100k fewer than 0.5% of all pauses last between 30 minutes and 2 hours,
so another gap in that range changes little (:func:`gap_table` shows it for any data).

A user is known to have left after a session if a silence longer than the gap follows it in the log. The log itself ends
at the last rating of the whole data set, so nobody who rated within a gap of that moment is known to have left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data.schema import Interactions
from ilrec_gym.errors import DataError, UsageError, unknown_name

GAP = 60.0
"""Minutes."""
LOG_ENDS = ("data", "user")
_GAPS = (5, 10, 20, 30, 60, 120, 240, 1440)
_EVEN_AT_LEAST = 10  # seconds; pauses below that are alike by chance
_EVEN_SHARE = 0.3


@dataclass(frozen=True)
class LogSessions:
    """Which session each row of a log belongs to.

    Attributes:
        number: ``(N,)`` int64, from 0, in the order of the rows.
        left: ``(S,)`` bool, whether the user is known to have left after the session.
    """

    number: NDArray[np.int64]
    left: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.left)


def log_sessions(log: Interactions, gap: float | None = GAP, log_end: str = "data") -> LogSessions:
    """Cut a log into sessions.

    Args:
        log: Ratings, of all items: a rating of an item outside the catalogue shows too that the user was there.
        gap: Minutes of silence that end a session. None makes one session of each user's log, after which nobody is
            known to have left.
        log_end: What is beyond the end of the log: ``"data"``: what came after the data set's last rating;
            ``"user"``: also what came after a user's own last rating, so that no user's last session has a known end.

    Raises:
        DataError: Rows without a time, where a gap is given.
        UsageError: ``gap`` is not a positive number.
        UnknownNameError: No such ``log_end``.
    """
    if log_end not in LOG_ENDS:
        raise unknown_name("log_end", log_end, LOG_ENDS)
    last = np.append(log.user[1:] != log.user[:-1], True)
    if gap is None:
        return LogSessions(_numbers(last), np.zeros(np.count_nonzero(last), bool))
    if isinstance(gap, bool) or not isinstance(gap, (int, float)) or not 0 < gap < float("inf"):
        raise UsageError("gap must be a number of minutes above 0, or None for one session per user", received=gap)
    if not log.timestamp.all():
        raise DataError(
            "sessions are cut by time, so every rating must have one",
            received=f"{np.count_nonzero(log.timestamp == 0)} of {len(log)} without",
            cause="a data set that is not dated",
            fix="gap=None makes one session of each user's log",
        )
    silence = np.append(np.diff(log.timestamp), 0)
    silence[last] = log.timestamp.max() - log.timestamp[last] if log_end == "data" else 0
    left = silence > 60 * gap
    end = last | left
    return LogSessions(_numbers(end), left[end])


class Runs(NamedTuple):
    """Stretches of rows that lie one after the other.

    Attributes:
        start: ``(S,)`` int64, the first row of each.
        length: ``(S,)`` int64, at least 1.
    """

    start: NDArray[np.int64]
    length: NDArray[np.int64]

    @classmethod
    def of(cls, number: NDArray[np.integer]) -> Runs:
        """The stretches of equal numbers."""
        start = np.flatnonzero(np.append(True, number[1:] != number[:-1])) if len(number) else np.zeros(0, np.int64)
        return cls(start, np.diff(np.append(start, len(number))))

    def longest_first(self) -> Runs:
        """The same, in the order that :meth:`lockstep` needs."""
        order = np.argsort(-self.length, kind="stable")
        return Runs(self.start[order], self.length[order])

    def lockstep(self) -> Iterator[NDArray[np.int64]]:
        """At each step t, the rows ``(n_t,)`` of the first n_t runs, which are those that reach that far.

        Raises:
            UsageError: The runs are not sorted from long to short.
        """
        if (np.diff(self.length) > 0).any():
            raise UsageError("runs must be sorted from long to short", fix="runs.longest_first()")
        for t in range(self.length.max(initial=0)):
            yield self.start[: np.count_nonzero(self.length > t)] + t


def places(user: NDArray[np.integer]) -> NDArray[np.int64]:
    """``(N,)`` the number of each row among its user's, from 0, in a log that is sorted by user."""
    start, length = Runs.of(user)
    return np.arange(len(user)) - np.repeat(start, length)


def gap_table(log: Interactions) -> list[dict[str, float]]:
    """How sessions depend on the gap: ``gap`` in minutes, ``sessions``, ``mean_length``, ``median_length``."""
    rows = []
    for gap in _GAPS:
        length = Runs.of(log_sessions(log, gap).number).length
        row = {"gap": gap, "sessions": len(length), "mean_length": length.mean(), "median_length": np.median(length)}
        rows.append({key: float(value) for key, value in row.items()})
    return rows


def even_share(log: Interactions) -> float:
    """How often two pauses in a row, of 10 seconds to an hour, are alike to the second.

    Around .07 for times as they were; .60 in ml-1m, where times were filled in evenly between those that are known.
    """
    pause = np.diff(log.timestamp)
    usable = (log.user[1:] == log.user[:-1]) & (pause >= _EVEN_AT_LEAST) & (pause < 3600)
    both = usable[1:] & usable[:-1]
    return float((np.abs(np.diff(pause)) <= 1)[both].mean()) if both.any() else 0.0


def times_are_exact(log: Interactions) -> bool:
    """Whether the times look like those of the ratings themselves, not like times filled in between others."""
    return even_share(log) < _EVEN_SHARE


def _numbers(end: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.cumsum(np.append(False, end[:-1]))
