"""Metrics against values worked by hand, and the laws that they obey on any log."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilrec_gym.errors import UsageError
from ilrec_gym.evaluation import SessionLog, metrics

N_ITEMS = 5


def test_headline_with_the_leaving_step(log):
    assert metrics.length(log).tolist() == [3, 4, 1]
    assert metrics.trajectory_return(log).tolist() == [8, 14, 2.5]
    np.testing.assert_allclose(metrics.reward_per_step(log), [8 / 3, 3.5, 2.5])


def test_headline_without_the_leaving_step(log):
    assert metrics.length(log, leaving_step=False).tolist() == [2, 4, 0]
    assert metrics.trajectory_return(log, leaving_step=False).tolist() == [7, 14, 0]
    np.testing.assert_allclose(metrics.reward_per_step(log, leaving_step=False), [3.5, 3.5, np.nan])


def test_exposure_and_what_follows_from_it(log):
    assert metrics.exposure(log, N_ITEMS).tolist() == [2, 2, 1, 3, 0]
    assert metrics.catalogue_coverage(log, N_ITEMS) == pytest.approx(4 / 5)
    assert metrics.cv_turn(log) == pytest.approx(4 / 8)
    # sum over all ordered pairs of |x_i - x_j| = 28, n = 5, mean = 1.6
    assert metrics.gini_of_exposure(log, N_ITEMS) == pytest.approx(28 / (2 * 25 * 1.6))
    with pytest.raises(UsageError, match="index below 3"):
        metrics.exposure(log, 3)


def test_diversity(log, catalogue):
    # session 0: items 0, 1, 2: similarities 1, 0, 0; session 1: 3, 3, 0, 3: 1, 1, 1 among the 3s, 3 x sqrt(1/2) with 0
    expected = [1 - 1 / 3, 1 - (3 + 3 * math.sqrt(0.5)) / 6, np.nan]
    np.testing.assert_allclose(metrics.intra_session_diversity(log, catalogue.item_vectors), expected, atol=1e-12)


def test_novelty(log, catalogue):
    # counts 8, 4, 2, 2 and 1 for the item without a rating: 17 in all
    bits = np.log2(17) - np.log2([8, 4, 2, 2, 1])
    expected = [bits[[0, 1, 2]].mean(), bits[[3, 3, 0, 3]].mean(), bits[1]]
    np.testing.assert_allclose(metrics.novelty(log, catalogue.popularity), expected)


def test_repeats_reasons_and_time(log):
    assert metrics.repeats(log).tolist() == [0, 2, 0]
    assert metrics.exit_reason_counts(log) == {"horizon": 1, "low_rating": 1, "patience": 1}
    assert metrics.ms_per_decision(log) == 2.0
    seconds = np.full((3, 4), np.nan)
    seconds[0, :2], seconds[1, 3] = [0.001, 0.003], 0.005
    assert metrics.ms_per_decision(dataclasses.replace(log, seconds_per_decision=seconds)) == pytest.approx(3.0)
    assert math.isnan(metrics.ms_per_decision(dataclasses.replace(log, seconds_per_decision=math.nan)))


def test_along_the_session(log):
    np.testing.assert_allclose(metrics.survival(log), [1, 2 / 3, 2 / 3, 1 / 3])
    np.testing.assert_allclose(metrics.mean_rating_by_step(log), [11.5 / 3, 3.5, 2, 2])


@st.composite
def logs(draw):
    n, width = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lengths = rng.integers(1, width + 1, n)
    there = np.arange(width) < lengths[:, None]
    left = rng.random(n) < 0.5
    return SessionLog(
        user_ids=rng.permutation(50)[:n],
        items=np.where(there, rng.integers(0, N_ITEMS, (n, width)), -1),
        ratings=np.where(there, rng.integers(1, 11, (n, width)) / 2, np.nan),
        lengths=lengths,
        terminated=left,
        truncated=~left,
        exit_reasons=np.where(left, "patience", ""),
    )


@given(logs())
def test_the_leaving_step_is_one_step_of_those_who_left(log):
    lost = metrics.length(log) - metrics.length(log, leaving_step=False)
    assert lost.tolist() == log.terminated.astype(float).tolist()
    last = log.ratings[np.arange(len(log)), log.lengths - 1]
    paid = metrics.trajectory_return(log) - metrics.trajectory_return(log, leaving_step=False)
    np.testing.assert_allclose(paid, np.where(log.terminated, last, 0), atol=1e-12)


@given(logs())
def test_return_is_the_sum_of_ratings_and_r_each_lies_between_them(log):
    np.testing.assert_allclose(metrics.trajectory_return(log), np.nansum(log.ratings, axis=1))
    each = metrics.reward_per_step(log)
    assert (each >= np.nanmin(log.ratings, 1) - 1e-12).all()
    assert (each <= np.nanmax(log.ratings, 1) + 1e-12).all()


@given(logs(), st.integers(0, 2**32 - 1))
def test_the_order_of_sessions_does_not_matter(log, seed):
    order = np.random.default_rng(seed).permutation(len(log))
    other = log.take(order)
    vectors = np.random.default_rng(0).random((N_ITEMS, 3))
    assert metrics.gini_of_exposure(other, N_ITEMS) == metrics.gini_of_exposure(log, N_ITEMS)
    assert metrics.catalogue_coverage(other, N_ITEMS) == metrics.catalogue_coverage(log, N_ITEMS)
    assert metrics.exit_reason_counts(other) == metrics.exit_reason_counts(log)
    for per_session in (metrics.reward_per_step(log), metrics.intra_session_diversity(log, vectors)):
        assert len(per_session) == len(log)
    np.testing.assert_array_equal(metrics.reward_per_step(other), metrics.reward_per_step(log)[order])
    np.testing.assert_array_equal(metrics.repeats(other), metrics.repeats(log)[order])


@given(logs())
def test_ranges(log):
    n = N_ITEMS
    assert 0 <= metrics.gini_of_exposure(log, n) <= 1 - 1 / n + 1e-12
    assert 1 / n <= metrics.catalogue_coverage(log, n) <= 1
    assert 0 < metrics.cv_turn(log) <= 1
    assert (metrics.repeats(log) < log.lengths).all()
    assert (np.diff(metrics.survival(log)) <= 0).all()
    diversity = metrics.intra_session_diversity(log, np.eye(n))
    two = log.lengths > 1
    assert ((diversity[two] >= 0) & (diversity[two] <= 1)).all()
    assert np.isnan(diversity[~two]).all()


@given(logs())
def test_slow_reference(log):
    """The vectorised forms say what the plain loops say."""
    vectors = np.random.default_rng(1).normal(size=(N_ITEMS, 3))
    for s in range(len(log)):
        shown = log.items[s, : log.lengths[s]]
        assert metrics.repeats(log)[s] == sum(shown[t] in shown[:t] for t in range(len(shown)))
        if len(shown) > 1:
            e = vectors[shown] / np.linalg.norm(vectors[shown], axis=1, keepdims=True)
            apart = [1 - e[i] @ e[j] for i in range(len(e)) for j in range(i)]
            assert metrics.intra_session_diversity(log, vectors)[s] == pytest.approx(np.mean(apart), abs=1e-9)
    x = metrics.exposure(log, N_ITEMS)
    plain = np.abs(x[:, None] - x[None]).sum() / (2 * N_ITEMS**2 * x.mean())
    assert metrics.gini_of_exposure(log, N_ITEMS) == pytest.approx(plain)


def test_leading_categories_are_the_fewest_that_hold_the_mass():
    vectors = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0.3]])
    ratings = [5, 3, 1, 1]  # by category 8, 4 and 1 of 13
    assert metrics.leading_categories(ratings, vectors).tolist() == [True, True, False]
    assert metrics.leading_categories(ratings, vectors, mass=0.6).tolist() == [True, False, False]
    assert metrics.leading_categories(ratings, vectors, mass=1.0).tolist() == [True, True, True]
    assert not metrics.leading_categories([0, 0, 0, 0], vectors).any()


def test_majority_category_domination(log, catalogue):
    # Ratings by category: 8 + 4 + 2 = 14 and 2 + 2 = 4 of 18; the first holds 78%, so both lead; item 4 has none.
    assert metrics.majority_category_domination(log, catalogue.popularity, catalogue.item_vectors) == 1
    vectors = np.where([[False, True]], 0, catalogue.item_vectors)  # now only items 0, 1 and 3 have a category
    shown = np.array([0, 1, 2, 3, 3, 0, 3, 1])
    assert metrics.majority_category_domination(log, catalogue.popularity, vectors) == np.mean(shown != 2)
