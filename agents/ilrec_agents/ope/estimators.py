"""Estimators of what a target policy returns up to a horizon, by sessions of another policy. One function each.

Each takes the steps and counts ``(B, E)`` of how often each session is counted in each of B samples (a bootstrap's, or
all ones), and gives B estimates. Below rho_t is the product of pi/b up to step t (rho_{-1} = 1), G the return, n the
number of sessions counted. An estimate that is not defined, because no session goes on as the target would, is nan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ilrec_agents.ope.weighted import Floats, WeightedSessions
from ilrec_gym.errors import UsageError


def importance_sampling(s: WeightedSessions, counts: Floats) -> Floats:
    """1/n sum_i rho_{H-1} G."""
    return counts @ (s.weights[:, -1] * s.returns) / counts.sum(axis=1)


def weighted_importance_sampling(s: WeightedSessions, counts: Floats) -> Floats:
    """sum_i rho_{H-1} G / sum_i rho_{H-1}: biased, and far less spread."""
    w = s.weights[:, -1]
    return _ratio(counts @ (w * s.returns), counts @ w)


def per_decision(s: WeightedSessions, counts: Floats) -> Floats:
    """1/n sum_i sum_t gamma^t rho_t r_t: no reward is weighted by what was done after it."""
    return counts @ ((s.weights * s.rewards) @ s.discounts) / counts.sum(axis=1)


def weighted_per_decision(s: WeightedSessions, counts: Floats) -> Floats:
    """sum_t gamma^t (sum_i rho_t r_t / sum_i rho_t)."""
    return _ratio(counts @ (s.weights * s.rewards), counts @ s.weights) @ s.discounts


def direct(s: WeightedSessions, counts: Floats) -> Floats:
    """1/n sum_i V(s_0), V and Q by fitted Q evaluation."""
    _, v = _values(s)
    return counts @ v[:, 0] / counts.sum(axis=1)


def doubly_robust(s: WeightedSessions, counts: Floats) -> Floats:
    """1/n sum_i sum_t gamma^t (rho_{t-1} V(s_t) + rho_t (r_t - Q(s_t, a_t))).

    The recursion V_DR = V(s_t) + pi/b (r_t + gamma V_DR' - Q(s_t, a_t)) of Jiang and Li, written out.
    """
    q, v = _values(s)
    terms = s.weights_before * v + s.weights * (s.rewards - q)
    return counts @ (terms @ s.discounts) / counts.sum(axis=1)


def weighted_doubly_robust(s: WeightedSessions, counts: Floats) -> Floats:
    """sum_t gamma^t (sum_i rho_{t-1} V(s_t) / sum_i rho_{t-1} + sum_i rho_t (r_t - Q(s_t, a_t)) / sum_i rho_t)."""
    q, v = _values(s)
    before = _ratio(counts @ (s.weights_before * v), counts @ s.weights_before)
    here = _ratio(counts @ (s.weights * (s.rewards - q)), counts @ s.weights)
    return (before + here) @ s.discounts


@dataclass(frozen=True)
class Estimator:
    """An estimator as the registry knows it.

    Attributes:
        title: What people call it.
        function: The estimator.
        source: The paper.
        fits_q: Whether it needs Q and V.
    """

    title: str
    function: Callable[[WeightedSessions, Floats], Floats]
    source: str
    fits_q: bool = False


ESTIMATORS: dict[str, Estimator] = {
    "is": Estimator("importance sampling", importance_sampling, "Precup et al., ICML 2000"),
    "wis": Estimator("weighted IS", weighted_importance_sampling, "Precup et al., ICML 2000"),
    "pdis": Estimator("per-decision IS", per_decision, "Precup et al., ICML 2000"),
    "wpdis": Estimator("weighted per-decision IS", weighted_per_decision, "Thomas, PhD thesis, 2015"),
    "fqe": Estimator("fitted Q evaluation", direct, "Le et al., ICML 2019", fits_q=True),
    "dr": Estimator("doubly robust", doubly_robust, "Jiang and Li, ICML 2016", fits_q=True),
    "wdr": Estimator("weighted DR", weighted_doubly_robust, "Thomas and Brunskill, ICML 2016", fits_q=True),
}
"""Name -> estimator. Adding one is a function and a line here."""


def effective_sample_size(s: WeightedSessions) -> float:
    """(sum_i w_i)^2 / sum_i w_i^2 of the weights at the horizon (Kish 1965): sessions that the estimate rests on."""
    w = s.weights[:, -1]
    if not w.max():
        return 0.0
    w = w / w.max()
    return float(w.sum() ** 2 / np.square(w).sum())


def _values(s: WeightedSessions) -> tuple[Floats, Floats]:
    if s.q is None or s.v is None:
        raise UsageError("this estimator needs the target's Q", fix="fit one with ilrec_agents.offline.fqe")
    return s.q, s.v


def _ratio(a: Floats, b: Floats) -> Floats:
    return np.divide(a, b, out=np.full_like(a, np.nan), where=b > 0)
