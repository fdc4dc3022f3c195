"""Logistic regression by Newton's method, with standard errors that allow for dependence within clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.errors import DataError

Array = NDArray[np.float64]
_STEPS, _HALVINGS, _TOLERANCE = 50, 20, 1e-10
_NO_LIMIT = 20.0  # of a coefficient per standard deviation: odds of exp(20) are no finding


@dataclass(frozen=True)
class LogisticFit:
    """What was fitted.

    Attributes:
        coefficients: ``(1 + k,)`` the intercept, then one for each covariate.
        errors: ``(1 + k,)`` their standard errors, robust to any dependence within a cluster.
        steps: Newton steps that were taken.
    """

    coefficients: Array
    errors: Array
    steps: int


def fit_logistic(x: Array, y: NDArray[np.bool_], clusters: NDArray[np.integer]) -> LogisticFit:
    """Maximise  sum_n y_n eta_n - ln(1 + exp(eta_n)),  eta = b_0 + x b.

    Standard errors are the square roots of the diagonal of  H^-1 (sum_c s_c s_c^T) H^-1,  s_c the sum of the scores of
    cluster c (Liang and Zeger 1986).

    Args:
        x: ``(N, k)`` covariates.
        y: ``(N,)`` what happened.
        clusters: ``(N,)`` rows of equal number may depend on each other.

    Raises:
        DataError: Nothing, or everything, happened; or the covariates do not tell one best fit.
    """
    if not 0 < y.sum() < len(y):
        raise DataError(
            "a hazard needs rows where it happened and rows where it did not",
            received=f"{int(y.sum())} of {len(y)}",
            cause="a tiny data set, or a gap that nobody or everybody exceeds",
            fix="give another gap",
        )
    centre, spread = x.mean(axis=0), x.std(axis=0)
    if not (spread > 0).all():
        raise _undecided("a covariate that is the same everywhere")
    design = np.column_stack([np.ones(len(x)), (x - centre) / spread])  # well conditioned
    beta, steps = _newton(design, y)
    chance = _logistic(design @ beta)
    bread = np.linalg.inv(_information(design, chance))
    _, cluster = np.unique(clusters, return_inverse=True)
    scores = np.zeros((cluster.max() + 1, design.shape[1]))
    np.add.at(scores, cluster, design * (y - chance)[:, None])
    covariance = bread @ (scores.T @ scores) @ bread
    back = np.diag(np.append(1.0, 1 / spread))  # to the covariates' own units
    back[0, 1:] = -centre / spread
    return LogisticFit(back @ beta, np.sqrt(np.diag(back @ covariance @ back.T)), steps)


def log_likelihood(chance: Array, y: NDArray[np.bool_]) -> float:
    """Mean log-likelihood per row of these chances ``(N,)`` for what happened ``(N,)``."""
    return float(np.log(np.where(y, chance, 1 - chance)).mean())


def _newton(design: Array, y: NDArray[np.bool_]) -> tuple[Array, int]:
    beta = np.zeros(design.shape[1])
    beta[0] = np.log(y.mean() / (1 - y.mean()))
    loss = _loss(design @ beta, y)
    for step in range(_STEPS):
        chance = _logistic(design @ beta)
        gradient = design.T @ (y - chance)
        if np.abs(beta[1:]).max() > _NO_LIMIT:
            break
        if np.abs(gradient).max() <= _TOLERANCE * len(y):
            return beta, step
        try:
            move = np.linalg.solve(_information(design, chance), gradient)
        except np.linalg.LinAlgError as error:
            raise _undecided("covariates that say the same") from error
        for _ in range(_HALVINGS):
            if (tried := _loss(design @ (beta + move), y)) <= loss:
                break
            move /= 2
        beta, loss = beta + move, tried
    raise _undecided("a covariate that tells it without fail, so that its coefficient has no limit")


def _information(design: Array, chance: Array) -> Array:
    information: Array = (design * (chance * (1 - chance))[:, None]).T @ design
    return information


def _loss(eta: Array, y: NDArray[np.bool_]) -> float:
    return float((np.logaddexp(0, eta) - y * eta).sum())


def _logistic(eta: Array) -> Array:
    chance: Array = np.exp(-np.logaddexp(0, -eta))
    return chance


def _undecided(cause: str) -> DataError:
    return DataError("the covariates must tell one best fit", cause=cause, fix="fit on more data, or give another gap")
