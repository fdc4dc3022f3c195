"""How well a model orders what a user rated: by pairs of that user's held-out ratings.

Over the pairs of a user's held-out items whose real ratings differ:

    concordance = (pairs in the model's order + half of those that the model ties) / pairs

0.5 is chance, 1 is the user's own order; with two kinds of ratings it is the area under the ROC curve. Kendall's tau-b
(1945) counts the same pairs between -1 and 1, and the model's and the user's ties among all pairs:
(agreeing - disagreeing) / sqrt(pairs the user tells apart x pairs the model tells apart).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.fidelity.heldout import Array, HeldOut
from ilrec_gym.errors import DataError
from ilrec_gym.evaluation import Interval, PerUser, interval, paired_difference

LEAST = 5
"""Users with fewer held-out ratings, or with equal ones only, are left out: they hardly have an order."""


@dataclass(frozen=True)
class Agreement:
    """How well a model knows held-out ratings; intervals over users.

    Attributes:
        name: What predicted.
        how: How the ratings were held out.
        ratings: Held-out ratings in all.
        rmse: Root mean square error over all of them, in rating units.
        baseline_rmse: The same for item mean and user offset.
        concordance: Mean over users.
        baseline_concordance: The same for item means.
        tau: Kendall's tau-b, mean over users.
        baseline_tau: The same for item means.
        gain: Concordance less the item means', paired by user.
        per_user: ``(U,)`` concordance of each user.
        per_user_baseline: ``(U,)`` the item means'.
    """

    name: str
    how: str
    ratings: int
    rmse: float
    baseline_rmse: float
    concordance: Interval
    baseline_concordance: Interval
    tau: Interval
    baseline_tau: Interval
    gain: Interval
    per_user: PerUser
    per_user_baseline: PerUser


def agreement(held: HeldOut) -> Agreement:
    """Judge a model by held-out ratings.

    Raises:
        DataError: No user has enough of them.
    """
    order = np.argsort(held.user, kind="stable")
    users, starts = np.unique(held.user[order], return_index=True)
    groups = np.split(order, starts[1:])
    kept = [k for k, rows in enumerate(groups) if len(rows) >= LEAST and np.ptp(held.real[rows]) > 0]
    if not kept:
        raise DataError(
            f"some user must have {LEAST} held-out ratings that are not all equal",
            received=f"{len(held.real)} held-out ratings of {len(users)} users",
            cause="a small data set, or one of a single rating",
        )
    found = np.array([(*order_of(held.real[rows], held.model[rows]), *order_of(held.real[rows], held.baseline[rows]))
                      for rows in (groups[k] for k in kept)])  # fmt: skip
    model, tau, base, base_tau = (PerUser(users[kept].astype(np.int64), column.copy()) for column in found.T)
    return Agreement(
        name=held.name, how=held.how, ratings=len(held.real),
        rmse=_rmse(held.model, held.real), baseline_rmse=_rmse(held.baseline, held.real),
        concordance=interval(model), baseline_concordance=interval(base),
        tau=interval(tau), baseline_tau=interval(base_tau), gain=paired_difference(model, base),
        per_user=model, per_user_baseline=base,
    )  # fmt: skip


def order_of(real: Array, predicted: Array) -> tuple[float, float]:
    """Concordance and Kendall's tau-b of one user's ratings ``(n,)``, which must not all be equal.

    A prediction that is the same for all items has concordance 0.5 and tau 0.
    """
    a, b = _signs(real), _signs(predicted)
    agree, told, split = float((a * b).sum()), float(np.abs(a).sum()), float(np.abs(b).sum())
    return 0.5 + 0.5 * agree / told, agree / np.sqrt(told * split) if split else 0.0


def _signs(x: Array) -> NDArray[np.int8]:
    """``(n, n)`` the order of every pair."""
    return (x[:, None] > x).astype(np.int8) - (x[:, None] < x)


def _rmse(predicted: Array, real: Array) -> float:
    return float(np.sqrt(np.mean((predicted - real) ** 2)))
