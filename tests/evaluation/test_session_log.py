"""The log takes what is consistent, names what is not, and survives the way to disk."""

import dataclasses

import numpy as np
import pytest

from ilrec_gym.errors import ArtefactError, UsageError
from ilrec_gym.evaluation import SessionLog
from ilrec_gym.files import write_arrays


def test_dtypes_and_steps(log):
    kinds = (log.user_ids.dtype, log.items.dtype, log.ratings.dtype, log.terminated.dtype)
    assert kinds == (np.int64, np.int32, np.float64, np.bool_)
    assert log.steps.tolist() == [[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]]
    assert len(log) == 3


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"lengths": [3, 4]}, "shape"),
        ({"ratings": np.zeros((3, 5))}, "shape"),
        ({"lengths": [3, 5, 1]}, r"\[1, 4\]"),
        ({"lengths": [3, 4, 0]}, r"\[1, 4\]"),
        ({"lengths": [2, 4, 1]}, "items must hold"),
        ({"items": [[0, -1, 2, -1], [3, 3, 0, 3], [1, -1, -1, -1]]}, "items must hold"),
        ({"items": [[0, 1, 2, -2], [3, 3, 0, 3], [1, -1, -1, -1]]}, "items must hold"),
        ({"ratings": [[4, 3, 1, 0], [5, 4, 3, 2], [2.5, np.nan, np.nan, np.nan]]}, "ratings must be finite"),
        ({"ratings": [[4, np.nan, 1, np.nan], [5, 4, 3, 2], [2.5, np.nan, np.nan, np.nan]]}, "ratings must be finite"),
        ({"ratings": [[4, 3, 1, np.inf], [5, 4, 3, 2], [2.5, np.nan, np.nan, np.nan]]}, "ratings must be finite"),
        ({"truncated": [True, True, False]}, "just one way"),
        ({"terminated": [False, False, True]}, "just one way"),
        ({"exit_reasons": ["", "", "low_rating"]}, "say why"),
        ({"exit_reasons": ["patience", "patience", "low_rating"]}, "say why"),
        ({"user_ids": [1.5, 2.0, 3.0]}, "int64"),
        ({"terminated": [1, 0, 1]}, "bool"),
        ({"seconds_per_decision": -1.0}, "seconds_per_decision"),
        ({"seconds_per_decision": np.zeros((3, 2))}, "seconds_per_decision"),
    ],
)
def test_inconsistent_logs_are_refused(log, change, rule):
    with pytest.raises(UsageError, match=rule):
        dataclasses.replace(log, **change)


def test_the_error_names_the_first_rows(log):
    with pytest.raises(UsageError, match=r"1 session\(s\) that break it, at row 2"):
        dataclasses.replace(log, lengths=[3, 4, 2])


def test_take(log):
    part = dataclasses.replace(log, seconds_per_decision=np.full((3, 4), 0.1)).take(np.array([2, 0]))
    assert part.user_ids.tolist() == [13, 11]
    assert part.seconds_per_decision.shape == (2, 4)
    assert log.take(log.terminated).seconds_per_decision == 0.002


def test_round_trip(log, tmp_path):
    log.save(tmp_path / "log.npz")
    again = SessionLog.load(tmp_path / "log.npz")
    for name, value in log.to_arrays().items():
        np.testing.assert_array_equal(getattr(again, name), value)


def test_same_log_same_bytes(log, tmp_path):
    log.save(tmp_path / "a.npz")
    log.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_damaged_and_foreign_files(log, tmp_path):
    path = tmp_path / "log.npz"
    log.save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ArtefactError, match="sha256"):
        SessionLog.load(path)
    with pytest.raises(ArtefactError, match="must exist"):
        SessionLog.load(tmp_path / "none.npz")
    with pytest.raises(ArtefactError, match="missing: user_ids"):
        SessionLog.from_arrays({"x": np.zeros(2)})
    with pytest.raises(ArtefactError, match="valid session log"):
        SessionLog.from_arrays(log.to_arrays() | {"lengths": np.array([3, 4, 2])})
    write_arrays(tmp_path / "bare.npz", log.to_arrays())
    with pytest.raises(ArtefactError, match="card"):
        SessionLog.load(tmp_path / "bare.npz")
