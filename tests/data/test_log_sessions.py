"""Sessions of logs: cut where users paused, and nobody is said to have left who may not have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilrec_gym.data import Interactions, load_dataset
from ilrec_gym.data.log_sessions import Runs, even_share, gap_table, log_sessions, places, times_are_exact
from ilrec_gym.errors import DataError, UnknownNameError, UsageError

START = 1_000_000_000


def log_of(times: list[list[int]]) -> Interactions:
    """One list of minutes per user."""
    user = np.repeat(np.arange(len(times)), [len(minutes) for minutes in times])
    minutes = np.array([minute for user_minutes in times for minute in sorted(user_minutes)])
    return interactions(user, START + 60 * minutes)


def interactions(user: Any, seconds: Any) -> Interactions:
    n = len(user)
    return Interactions(
        np.asarray(user, np.int32), np.arange(n, dtype=np.int32), np.full(n, 3.0), np.asarray(seconds, np.int64)
    )


def test_by_hand() -> None:
    log = log_of([[0, 1, 61, 122], [0, 500], [460, 470]])  # the data end at minute 500
    found = log_sessions(log, gap=60)
    assert found.number.tolist() == [0, 0, 0, 1, 2, 3, 4, 4]  # 60 minutes are not longer than the gap
    # The user of session 3 rated last of all, and the one of session 4 half an hour before that.
    assert found.left.tolist() == [True, True, True, False, False]
    assert log_sessions(log, gap=20).left.tolist() == [True] * 4 + [False, True]
    assert log_sessions(log, gap=60, log_end="user").left.tolist() == [True, False, True, False, False]
    whole = log_sessions(log, gap=None)
    assert whole.number.tolist() == [0, 0, 0, 0, 1, 1, 2, 2] and not whole.left.any()


minutes = st.lists(st.integers(0, 300), min_size=1, max_size=12)


@given(
    times=st.lists(minutes, min_size=1, max_size=5), gap=st.integers(1, 100), log_end=st.sampled_from(["data", "user"])
)
def test_rows_are_cut_just_where_the_pause_is_longer(times: list[list[int]], gap: int, log_end: str) -> None:
    log = log_of(times)
    found = log_sessions(log, gap, log_end)
    last_of_all = max(map(max, times))
    number, row = 0, 0
    for user_minutes in map(sorted, times):
        for i, minute in enumerate(user_minutes):
            assert found.number[row] == number
            later = user_minutes[i + 1] if i + 1 < len(user_minutes) else None
            silence = later - minute if later is not None else last_of_all - minute if log_end == "data" else 0
            if later is None or silence > gap:
                assert found.left[number] == (silence > gap)
                number += 1
            row += 1
    assert len(found) == number


@given(length=st.lists(st.integers(1, 6), min_size=1, max_size=8))
def test_lockstep_visits_every_row_once_in_the_order_of_its_run(length: list[int]) -> None:
    number = np.repeat(np.arange(len(length)), length)
    runs = Runs.of(number)
    assert runs.length.tolist() == length
    seen = list(runs.longest_first().lockstep())
    assert sorted(np.concatenate(seen).tolist()) == list(range(sum(length)))
    for t, rows in enumerate(seen):
        assert (rows - runs.start[number[rows]] == t).all()
    if sorted(length, reverse=True) != length:
        with pytest.raises(UsageError, match="from long to short"):
            list(runs.lockstep())


def test_no_rows_no_runs() -> None:
    assert not len(Runs.of(np.zeros(0, int)).start) and not list(Runs.of(np.zeros(0, int)).lockstep())


def test_places_count_each_users_rows() -> None:
    assert places(np.array([0, 0, 0, 2, 2, 5])).tolist() == [0, 1, 2, 0, 1, 0]


@pytest.mark.parametrize("gap", [0, -5, float("inf"), float("nan"), True, "60"])
def test_bad_gaps(gap: object) -> None:
    with pytest.raises(UsageError, match="gap must be a number of minutes"):
        log_sessions(log_of([[0, 1]]), gap)  # type: ignore[arg-type]


def test_no_such_end() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'user'"):
        log_sessions(log_of([[0, 1]]), 60, "users")


def test_a_log_without_times_has_no_gaps() -> None:
    undated = interactions([0, 0, 0], [0, 0, START])
    with pytest.raises(DataError, match="2 of 3 without"):
        log_sessions(undated)
    assert len(log_sessions(undated, None)) == 1


def test_the_bundled_log() -> None:
    log = load_dataset("ml-latest-small").interactions
    found = log_sessions(log)
    assert len(found) == 6960
    assert np.count_nonzero(~found.left) == 1, "only the last rating of all may go on"
    by_gap = {row["gap"]: row["sessions"] for row in gap_table(log)}
    assert by_gap[60] == 6960
    assert 1 - by_gap[120] / by_gap[30] < 0.06, "another gap near an hour changes little"


def test_times_that_were_filled_in_are_noticed() -> None:
    log = load_dataset("ml-latest-small").interactions
    assert even_share(log) == pytest.approx(0.069, abs=0.001) and times_are_exact(log)
    rng = np.random.default_rng(0)
    known = START + np.cumsum(rng.integers(60, 600, 200))
    filled = np.interp(np.arange(0, 199, 0.25), np.arange(200), known).astype(int)
    assert not times_are_exact(interactions(np.zeros(796), filled))


@pytest.mark.ml1m
def test_those_of_ml_1m_were_filled_in(ml1m_zip: Path) -> None:
    assert not times_are_exact(load_dataset("ml-1m", ml1m_zip).interactions)
