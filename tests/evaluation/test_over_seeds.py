"""Statistics over seeds and users equal slow ones and rliable's, and cover the truth as often as they say."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ilrec_gym.errors import UsageError
from ilrec_gym.evaluation import (
    PerSeed,
    PerUser,
    difference_over_seeds,
    interquartile_mean,
    interval,
    mean_over_seeds,
    performance_profile,
    probability_of_improvement,
)
from ilrec_gym.evaluation.resampling import TwoWay, weighted

few = {"resamples": 60}
tables = arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 9)), elements=st.floats(-100, 100))


def draws(rng, seeds, users, of_seeds, of_users, of_both):
    """(S, U) values with mean 0 and these standard deviations."""
    return (
        rng.normal(0, of_seeds, (seeds, 1))
        + rng.normal(0, of_users, (1, users))
        + rng.normal(0, of_both, (seeds, users))
    )


# Against other implementations ----------------------------------------------------------------------------------------


def test_equal_to_rliable(golden):
    found = golden("rliable")
    x, y, tau = found["x"], found["y"], found["thresholds"]
    assert mean_over_seeds(x, **few).mean == pytest.approx(found["mean"], rel=1e-12)
    assert interquartile_mean(x, **few).mean == pytest.approx(found["iqm"], rel=1e-12)
    assert probability_of_improvement(x, y, **few).mean == pytest.approx(found["improvement"], rel=1e-12)
    assert performance_profile(x, tau, **few).share == pytest.approx(found["profile"], rel=1e-12)


@given(tables, st.randoms(use_true_random=False))
def test_every_sample_equals_a_slow_one(x, random):
    """Values repeated as often as they were drawn, then the definition."""
    seeds, users = x.shape
    n = [random.randint(0, 2) for _ in range(seeds - 1)] + [1]
    m = [random.randint(0, 2) for _ in range(users - 1)] + [1]
    drawn = np.repeat(np.repeat(x, n, axis=0), m, axis=1)
    counts = np.array([m], float), [np.array([n], float)]
    assert weighted(x, *counts)[0] == pytest.approx(drawn.mean(), abs=1e-9)
    assert _captured(lambda: interquartile_mean(x, **few))(*counts)[0] == pytest.approx(_slow_iqm(drawn), abs=1e-9)


@given(tables, st.integers(1, 4), st.integers(0, 99))
def test_improvement_equals_a_slow_one(x, seeds, draw):
    y = np.random.default_rng(draw).integers(-3, 3, (seeds, x.shape[1])).astype(float)
    x = x.round()
    wins = [
        np.mean([(a > b) + 0.5 * (a == b) for a, b in product(x[:, u], y[:, u])]) for u in range(x.shape[1])
    ]  # fmt: skip
    found = probability_of_improvement(x, y, **few)
    assert found.mean == pytest.approx(np.mean(wins), abs=1e-12)
    assert found.mean + probability_of_improvement(y, x, **few).mean == pytest.approx(1)
    assert math.isnan(found.low) or 0 <= found.low <= found.mean <= found.high <= 1


def test_one_seed_is_the_bootstrap_over_users():
    values = np.random.default_rng(0).gamma(2, 3, 50)
    ours, theirs = mean_over_seeds(values[None], seed=3), interval(values, seed=3)
    assert (ours.mean, ours.low, ours.high) == pytest.approx((theirs.mean, theirs.low, theirs.high), rel=1e-12)


# Coverage -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("spread", [(1, 0, 1), (1, 5, 1), (0.1, 0.5, 3)], ids=["seeds", "users", "both"])
def test_the_mean_is_covered(seeds, spread):
    rng = np.random.default_rng(1)
    found = [mean_over_seeds(draws(rng, seeds, 40, *spread), seed=i, resamples=400) for i in range(400)]
    assert 0.90 <= np.mean([x.low <= 0 <= x.high for x in found]) <= 0.99


def test_where_users_do_not_differ_it_is_the_t_interval_over_seeds():
    rng, ratios = np.random.default_rng(10), []
    for _ in range(60):
        seeds = rng.normal(size=(3, 1))
        found = mean_over_seeds(np.tile(seeds, 3))
        ratios.append((found.high - found.low) / (2 * 4.303 * seeds.std(ddof=1) / math.sqrt(3)))
    assert np.mean(ratios) == pytest.approx(1, abs=0.05)


def test_the_interquartile_mean_is_covered():
    rng = np.random.default_rng(2)
    found = [interquartile_mean(draws(rng, 5, 40, 0.5, 1, 0.5), seed=i, resamples=400) for i in range(300)]
    assert 0.90 <= np.mean([x.low <= 0 <= x.high for x in found]) <= 0.99


@pytest.mark.parametrize("seeds", [(3, 3), (5, 1)])
def test_a_difference_and_an_improvement_are_covered(seeds):
    rng = np.random.default_rng(3)
    means, wins = [], []
    for i in range(300):
        taste = rng.normal(0, 9, (1, 40))
        a = taste + draws(rng, seeds[0], 40, 1, 1, 1)
        b = taste + draws(rng, seeds[1], 40, 1 if seeds[1] > 1 else 0, 1, 1)
        means.append(difference_over_seeds(a, b, seed=i, resamples=300))
        wins.append(probability_of_improvement(a, b, seed=i, resamples=300))
    assert 0.90 <= np.mean([x.low <= 0 <= x.high for x in means]) <= 0.99
    assert 0.90 <= np.mean([x.low <= 0.5 <= x.high for x in wins]) <= 0.99


def test_a_profile_is_covered():
    rng, tau = np.random.default_rng(4), np.array([-1.0, 0, 1.5])
    truth = np.array([1 - 0.5 * (1 + math.erf(t / math.sqrt(2 * 2.25))) for t in tau])  # N(0, 1 + 1 + 0.25)
    found = [performance_profile(draws(rng, 5, 40, 0.5, 1, 1), tau, seed=i, resamples=300) for i in range(300)]
    inside = np.mean([(x.low <= truth) & (truth <= x.high) for x in found], axis=0)
    assert (inside >= 0.90).all() and (inside <= 0.99).all()


# What pairing does ----------------------------------------------------------------------------------------------------


def test_pairing_by_user_takes_out_what_users_share():
    rng = np.random.default_rng(5)
    taste = rng.normal(0, 50, (1, 80))
    a, b = taste + 1 + draws(rng, 3, 80, 0.1, 0, 0.5), taste + draws(rng, 3, 80, 0.1, 0, 0.5)
    found = difference_over_seeds(a, b)
    assert found.verdict == "above" and found.low < 1 < found.high
    assert found.high - found.low < 2 < mean_over_seeds(a).high - mean_over_seeds(a).low


def test_pairing_by_seed_takes_out_what_seeds_share():
    rng = np.random.default_rng(6)
    data = rng.normal(0, 9, (5, 1))
    a, b = data + 1 + draws(rng, 5, 40, 0, 0, 0.5), data + draws(rng, 5, 40, 0, 0, 0.5)
    assert difference_over_seeds(a, b, paired_seeds=True).verdict == "above"
    assert difference_over_seeds(a, b).verdict == "not separated"


# Properties -----------------------------------------------------------------------------------------------------------


@given(tables)
def test_ends_lie_around_what_they_are_ends_of(x):
    for found in (mean_over_seeds(x, **few), interquartile_mean(x, **few)):
        assert found.n == x.shape[1] and x.min() - 1e-9 <= found.mean <= x.max() + 1e-9
        assert math.isnan(found.low) == (x.size == 1)
        assert x.size == 1 or found.low <= found.mean <= found.high


@given(tables, st.floats(-50, 50), st.floats(0.1, 10))
def test_shifts_and_scales_go_through(x, shift, scale):
    for statistic in (mean_over_seeds, interquartile_mean):
        plain, moved = statistic(x, **few), statistic(x * scale + shift, **few)
        ends = [plain.mean, plain.low, plain.high]
        assert [moved.mean, moved.low, moved.high] == pytest.approx(
            np.array(ends) * scale + shift, abs=1e-6, nan_ok=True
        )


def test_the_order_of_seeds_does_not_matter_to_the_value_and_constants_have_no_spread():
    x = np.random.default_rng(7).normal(size=(3, 20))
    assert mean_over_seeds(x).mean == pytest.approx(mean_over_seeds(x[::-1]).mean, abs=1e-12)
    flat = mean_over_seeds(np.full((3, 20), 2.5))
    assert (flat.low, flat.mean, flat.high) == pytest.approx((2.5, 2.5, 2.5), abs=1e-12)


def test_same_seed_same_interval_whatever_the_memory(monkeypatch):
    x, y = np.random.default_rng(8).normal(size=(2, 3, 20))
    every = [
        lambda seed: mean_over_seeds(x, seed=seed), lambda seed: interquartile_mean(x, seed=seed),
        lambda seed: probability_of_improvement(x, y, seed=seed), lambda seed: difference_over_seeds(x, y, seed=seed),
    ]  # fmt: skip
    before = [f(5) for f in every]
    assert [f(5) for f in every] == before and all(f(6) != b for f, b in zip(every, before, strict=True))
    monkeypatch.setattr("ilrec_gym.evaluation.resampling._CELLS", 700)
    monkeypatch.setattr("ilrec_gym.evaluation.over_seeds._CELLS", 300)
    for f, b in zip(every, before, strict=True):
        assert (f(5).low, f(5).high) == pytest.approx((b.low, b.high), rel=1e-12)


def test_a_profile_falls_from_one_to_zero():
    x = np.random.default_rng(9).random((3, 30))
    found = performance_profile(x, np.linspace(-0.1, 1.1, 25))
    assert found.share[0] == found.low[0] == 1 and found.share[-1] == found.high[-1] == 0
    assert (np.diff(found.share) <= 0).all()
    assert ((found.low <= found.share) & (found.share <= found.high)).all()


# Users and bad input --------------------------------------------------------------------------------------------------


def test_seeds_are_joined_by_user():
    a = PerUser.of(np.array([1, 2, 3]), np.array([10.0, 20.0, 30.0]))
    b = PerUser.of(np.array([3, 1, 2, 9]), np.array([31.0, 11.0, 21.0, 0.0]))
    joined = PerSeed.of([a, b], common=True)
    assert joined.user_ids.tolist() == [1, 2, 3] and joined.values.tolist() == [[10, 20, 30], [11, 21, 31]]
    with pytest.raises(UsageError, match=r"only in seed 1: 1 user\(s\) \[9\]"):
        PerSeed.of([a, b])
    with pytest.raises(UsageError, match=r"only in b: 1 user"):
        difference_over_seeds(PerSeed.of([a]), PerSeed.of([b]))


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: mean_over_seeds([1.0, 2.0]), "one row per training seed"),
        (lambda: mean_over_seeds(3.0), "one row per training seed"),
        (lambda: mean_over_seeds(np.zeros((0, 3))), "one row per training seed"),
        (lambda: mean_over_seeds([[1.0, math.nan]]), "1 of 2 are nan"),
        (lambda: mean_over_seeds([[1.0, 2.0]], confidence=95), "between 0 and 1"),
        (lambda: interquartile_mean([[1.0, 2.0]], resamples=0), "resamples"),
        (lambda: PerSeed(np.array([2, 1]), np.zeros((1, 2))), "ascend"),
        (lambda: PerSeed.of([]), "at least one evaluation"),
        (lambda: difference_over_seeds([[1.0, 2.0]], [[1.0]]), "same users"),
        (lambda: difference_over_seeds(PerSeed(np.arange(1), np.zeros((1, 1))), [[1.0]]), "both sides must be PerSeed"),
        (lambda: difference_over_seeds(np.zeros((2, 3)), np.zeros((3, 3)), paired_seeds=True), "paired seeds"),
        (lambda: performance_profile([[1.0]], [1.0, 0.0]), "ascending"),
        (lambda: performance_profile([[1.0]], [1.0], confidence=0), "between 0 and 1"),
    ],
)
def test_refused(call, rule):
    with pytest.raises(UsageError, match=rule):
        call()


def _slow_iqm(values):
    ranked = sorted(values.ravel())
    cut = len(ranked) // 4
    return sum(ranked[cut : len(ranked) - cut]) / (len(ranked) - 2 * cut)


def _captured(call):
    """The statistic that a call hands to the bootstrap."""
    held = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TwoWay, "ends", lambda self, statistic, confidence: held.append(statistic) or (0.0, 0.0, 0.0))
        call()
    return held[0]
