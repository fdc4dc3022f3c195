"""Logistic regression: against scikit-learn, by its score equations, and its standard errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ilrec_gym.errors import DataError
from ilrec_gym.simulation.hazard.logistic import fit_logistic, log_likelihood

TRUE = np.array([-1.5, 0.8, -0.4, 0.0])


def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)) * [1, 3, 0.2] + [0, 5, -2]
    return x, rng.random(n) < 1 / (1 + np.exp(-(TRUE[0] + x @ TRUE[1:])))


def test_equals_scikit_learn() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    x, y = drawn(3000, seed=0)
    # So weak a penalty is none; scikit-learn's way to ask for none has changed.
    theirs = linear.LogisticRegression(C=1e12, tol=1e-10, max_iter=1000).fit(x, y)
    ours = fit_logistic(x, y, np.arange(len(y)))
    assert ours.coefficients == pytest.approx(np.append(theirs.intercept_, theirs.coef_), abs=1e-4)


def test_standard_errors_are_how_far_estimates_lie() -> None:
    """Over 200 samples, the estimates scatter around the truth by what the standard errors say."""
    fits = [fit_logistic(*drawn(1000, seed), np.arange(1000)) for seed in range(200)]
    z = np.array([(fit.coefficients - TRUE) / fit.errors for fit in fits])
    assert np.abs(z.mean(axis=0)).max() < 0.3 and z.std(axis=0) == pytest.approx(1, abs=0.15)


def test_copies_within_a_cluster_tell_nothing_new() -> None:
    x, y = drawn(500, seed=3)
    once = fit_logistic(x, y, np.arange(500))
    twice = fit_logistic(np.tile(x, (2, 1)), np.tile(y, 2), np.tile(np.arange(500), 2))
    naive = fit_logistic(np.tile(x, (2, 1)), np.tile(y, 2), np.arange(1000))
    assert twice.coefficients == pytest.approx(once.coefficients)
    assert twice.errors == pytest.approx(once.errors)
    assert naive.errors == pytest.approx(once.errors / np.sqrt(2))


@given(seed=st.integers(0, 10_000), n=st.integers(60, 200))
def test_the_best_fit(seed: int, n: int) -> None:
    """What was expected happened as often as it was expected, overall and along each covariate; nothing fits better."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 2)), rng.random(n) < 0.4
    assume(5 < y.sum() < n - 5)
    b = fit_logistic(x, y, np.arange(n)).coefficients

    def chance(b: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-(b[0] + x @ b[1:])))

    assert chance(b).sum() == pytest.approx(y.sum())
    assert chance(b) @ x == pytest.approx(y @ x, abs=1e-6)
    best = log_likelihood(chance(b), y)
    assert best >= log_likelihood(np.full(n, y.mean()), y)
    assert best >= log_likelihood(chance(b + rng.normal(size=3) * 0.1), y)


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (np.zeros((4, 1)), [False] * 4, "0 of 4"),
        (np.zeros((4, 1)), [True] * 4, "4 of 4"),
        (np.ones((4, 1)), [True, False, True, False], "the same everywhere"),
        (np.array([[1.0], [2], [3], [4]]), [False, False, True, True], "without fail"),
        (np.array([[1.0, 1], [2, 2], [3, 3], [4, 4]]), [True, False, True, False], "best fit"),
    ],
)
def test_what_has_no_best_fit(x: np.ndarray, y: list[bool], said: str) -> None:
    with pytest.raises(DataError, match=said):
        fit_logistic(x, np.array(y), np.arange(4))
