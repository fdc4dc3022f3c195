"""What the report says of held-out ratings and of histograms, against slow computations and known cases."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ilrec_agents.fidelity.agreement import LEAST, agreement, order_of
from ilrec_agents.fidelity.heldout import HeldOut, in_profile, public_factors, truth_recipe
from ilrec_agents.fidelity.histogram import ALL, REAL, SAME, histogram, levels_of
from ilrec_gym.errors import DataError

RATINGS = st.lists(st.integers(1, 5), min_size=2, max_size=12)


@given(st.data(), RATINGS)
def test_order_is_counted_over_pairs(drawn: Any, real: list[int]) -> None:
    assume(len(set(real)) > 1)
    predicted = drawn.draw(st.lists(st.integers(0, 4), min_size=len(real), max_size=len(real)))
    agree = disagree = tied = told = split = 0
    for i in range(len(real)):
        for j in range(i):
            a, b = real[i] - real[j], predicted[i] - predicted[j]
            told, split = told + (a != 0), split + (b != 0)
            agree, disagree = agree + (a * b > 0), disagree + (a * b < 0)
            tied += a != 0 and b == 0
    concordance, tau = order_of(np.array(real, float), np.array(predicted, float))
    assert concordance == pytest.approx((agree + tied / 2) / told)
    assert tau == pytest.approx((agree - disagree) / np.sqrt(told * split) if split else 0.0)


@given(RATINGS)
def test_own_order_is_one_and_reversed_is_zero(real: list[int]) -> None:
    assume(len(set(real)) > 1)
    x = np.array(real, float)
    assert order_of(x, np.exp(x)) == pytest.approx((1, 1))
    assert order_of(x, -x) == pytest.approx((0, -1))
    assert order_of(x, np.zeros(len(x))) == (0.5, 0.0)


def held_out(users: list[list[float]], model: list[list[float]]) -> HeldOut:
    user = np.repeat(np.arange(len(users)), [len(one) for one in users])
    real = np.concatenate(users).astype(float)
    return HeldOut("m", "in a test", user, real, np.concatenate(model).astype(float), np.full(len(user), 3.0))


def test_users_count_alike_and_those_without_an_order_are_left_out() -> None:
    perfect = [1.0, 2, 3, 4, 5]
    wrong = [5.0, 4, 3, 2, 1, 0, -1, -2]
    found = agreement(
        held_out([perfect, list(range(8)), [3.0] * 9, [1.0, 5.0]], [perfect, wrong, list(range(9)), [1.0, 5.0]])
    )
    assert found.per_user.user_ids.tolist() == [0, 1]  # user 2 tells nothing apart, user 3 has too few
    assert found.concordance.mean == 0.5 and found.gain.mean == 0.0  # not weighted by ratings
    assert found.ratings == 24
    with pytest.raises(DataError, match=f"{LEAST} held-out"):
        agreement(held_out([[1.0, 2.0]], [[1.0, 2.0]]))


def test_the_recipe_is_the_one_whose_error_the_scenario_states(data: Any, scenario: Any) -> None:
    held = truth_recipe(data)
    found = agreement(held)
    assert found.rmse <= scenario.holdout_rmse + 1e-9  # clipping to the scale can only help
    assert found.rmse == pytest.approx(scenario.holdout_rmse, abs=0.005)
    assert found.rmse < found.baseline_rmse
    assert found.gain.low > 0
    assert len(held.real) == pytest.approx(len(data.interactions) / 10, rel=0.05)


def test_public_factors_are_judged_by_what_they_have_not_seen(data: Any, scenario: Any) -> None:
    held = public_factors(data, scenario)
    log, users = data.interactions, scenario.users
    assert users.is_test[held.user].all()
    for user in np.unique(held.user)[:20]:
        rated = np.flatnonzero(log.user == user)
        later = log.rating[rated[20:]]  # the profile is the first twenty
        np.testing.assert_array_equal(held.real[held.user == user], later)
    assert in_profile(log, scenario).sum() == (users.profile_items >= 0).sum()


def test_the_baseline_knows_no_held_out_rating(data: Any, scenario: Any) -> None:
    """Other ratings of test users after their profile leave the baseline as it was."""
    log = data.interactions
    held = scenario.users.is_test[log.user] & ~in_profile(log, scenario)
    other = np.where(held, np.roll(log.rating, 1), log.rating)
    changed = dataclasses.replace(data, interactions=dataclasses.replace(log, rating=other))
    before, after = public_factors(data, scenario), public_factors(changed, scenario)
    assert not np.array_equal(before.real, after.real)
    np.testing.assert_array_equal(before.baseline, after.baseline)


def test_histograms_count_every_rating_once(data: Any, scenario: Any) -> None:
    found = histogram(data, scenario)
    log = data.interactions
    assert {name: shares.sum() for name, shares in found.shares.items()} == pytest.approx({REAL: 1, SAME: 1, ALL: 1})
    np.testing.assert_allclose(found.shares[REAL], [(log.rating == level).mean() for level in found.levels])
    same = np.clip(scenario.truth.predict(log.user, log.item), *data.rating_scale)
    everything = np.clip(scenario.truth.predict_all(np.arange(len(data.users))), *data.rating_scale)
    for source, ratings in ((SAME, same), (ALL, everything)):
        assert found.means[source] == pytest.approx(ratings.mean())
        assert found.spreads[source] == pytest.approx(ratings.std())
        some = ratings.ravel()[::7]
        nearest = np.abs(some[:, None] - found.levels).argmin(axis=1)
        counted = np.bincount(nearest, minlength=len(found.levels)) / len(nearest)
        np.testing.assert_allclose(found.shares[source], counted, atol=0.01)
    assert found.distance(REAL) == 0 < found.distance(SAME) < 1


def test_levels_are_what_is_given_or_equal_parts() -> None:
    assert levels_of(np.array([2.0, 1.0, 2.0, 5.0]), (1, 5)).tolist() == [1, 2, 5]
    fine = levels_of(np.linspace(0, 1, 500), (0, 1))
    np.testing.assert_allclose(fine, np.arange(20) / 20 + 0.025)
