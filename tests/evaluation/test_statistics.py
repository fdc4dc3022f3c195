"""Intervals cover what they say, pair by user, and refuse what cannot be compared."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilrec_gym.errors import UsageError
from ilrec_gym.evaluation import PerUser, interval, paired_difference

finite = st.floats(-1e6, 1e6)


@pytest.mark.parametrize("draw", [lambda rng: rng.normal(3, 2, 60), lambda rng: rng.gamma(2, 1.5, 120)])
def test_an_interval_covers_the_truth_as_often_as_it_says(draw):
    rng = np.random.default_rng(0)
    found = [interval(draw(rng), seed=i, resamples=1000) for i in range(500)]
    inside = np.mean([x.low <= 3 <= x.high for x in found])
    assert 0.90 <= inside <= 0.98


def test_confidence_is_respected():
    rng = np.random.default_rng(1)
    found = [interval(rng.normal(0, 1, 60), confidence=0.5, seed=i, resamples=500) for i in range(400)]
    assert 0.42 <= np.mean([x.low <= 0 <= x.high for x in found]) <= 0.58


def test_close_to_the_normal_interval():
    values = np.random.default_rng(2).normal(10, 3, 1000)
    half = 1.96 * values.std() / math.sqrt(1000)
    found = interval(values)
    assert found.low == pytest.approx(values.mean() - half, abs=0.02)
    assert found.high == pytest.approx(values.mean() + half, abs=0.02)
    assert (found.n, found.confidence) == (1000, 0.95)


def test_same_seed_same_interval():
    values = np.random.default_rng(3).random(40)
    assert interval(values, seed=5) == interval(values, seed=5)
    assert interval(values, seed=5) != interval(values, seed=6)


def test_the_memory_bound_does_not_change_the_result(monkeypatch):
    values = np.random.default_rng(3).random(40)
    whole = interval(values, resamples=300)
    monkeypatch.setattr("ilrec_gym.evaluation.statistics._DRAWS_AT_ONCE", 400)
    assert interval(values, resamples=300) == whole


def test_one_value_has_no_interval():
    one = interval(np.array([4.0]))
    assert one.mean == 4 and math.isnan(one.low) and math.isnan(one.high)
    assert one.verdict == "not separated"


@given(finite, st.integers(2, 30))
def test_constants(value, n):
    found = interval(np.full(n, value), resamples=50)
    assert found.low <= found.mean <= found.high
    assert found.high - found.low <= 1e-9 * max(1, abs(value))


@given(st.lists(finite, min_size=2, max_size=20))
def test_ends_lie_around_the_mean_and_within_the_values(values):
    found = interval(np.array(values), resamples=100)
    slack = 1e-9 * max(1, max(map(abs, values)))
    assert min(values) - slack <= found.low <= found.mean <= found.high <= max(values) + slack


@pytest.mark.parametrize(
    ("values", "options", "rule"),
    [
        ([], {}, "at least one value"),
        ([[1.0, 2.0]], {}, "at least one value"),
        ([1.0, math.nan], {}, "1 of 2 are nan"),
        ([1.0, 2.0], {"confidence": 95}, "between 0 and 1"),
        ([1.0, 2.0], {"resamples": 0}, "resamples"),
    ],
)
def test_refused(values, options, rule):
    with pytest.raises(UsageError, match=rule):
        interval(np.array(values), **options)


def test_sessions_are_averaged_within_their_user_first():
    values = PerUser.of(np.array([9, 4, 9, 7]), np.array([1.0, 5.0, 3.0, np.nan]))
    assert values.user_ids.tolist() == [4, 9]
    assert values.values.tolist() == [5, 2]


def test_per_user_refuses_disorder():
    with pytest.raises(UsageError, match="ascending"):
        PerUser(np.array([2, 1]), np.array([0.0, 0.0]))
    with pytest.raises(UsageError, match=r"two \(N,\) arrays"):
        PerUser.of(np.array([2, 1]), np.array([0.0]))


def test_pairing_takes_out_what_users_share():
    rng = np.random.default_rng(4)
    users, taste = np.arange(80), rng.normal(0, 50, 80)
    a = PerUser(users, taste + 1 + rng.normal(0, 0.5, 80))
    b = PerUser(users, taste + rng.normal(0, 0.5, 80))
    difference = paired_difference(a, b)
    assert difference.verdict == "above"
    assert difference.low < 1 < difference.high
    assert difference.high - difference.low < 0.5 < interval(a).high - interval(a).low
    assert paired_difference(b, a).verdict == "below"
    assert paired_difference(a, a).verdict == "not separated"


def test_pairing_goes_by_user_not_by_row():
    a = PerUser.of(np.array([1, 2, 3]), np.array([10.0, 20.0, 30.0]))
    b = PerUser.of(np.array([3, 1, 2]), np.array([29.0, 9.0, 19.0]))
    assert paired_difference(a, b).low == paired_difference(a, b).high == 1


def test_other_users_are_refused_and_named():
    a, b = PerUser.of(np.arange(5), np.zeros(5)), PerUser.of(np.arange(1, 6), np.zeros(5))
    with pytest.raises(UsageError, match=r"only in a: 1 user\(s\) \[0\]; only in b: 1 user\(s\) \[5\]"):
        paired_difference(a, b)
