"""Fitting the exit hazard on real sessions, and saying how well it fits users whom it was not fitted on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.auc import auc
from ilrec_gym.data.log_sessions import GAP, even_share, gap_table, times_are_exact
from ilrec_gym.data.schema import InteractionData
from ilrec_gym.errors import DataError
from ilrec_gym.simulation.hazard.lengths import Lengths, lengths
from ilrec_gym.simulation.hazard.logistic import fit_logistic, log_likelihood
from ilrec_gym.simulation.hazard.model import COVARIATES, HazardModel
from ilrec_gym.simulation.hazard.rows import HazardRows, hazard_rows
from ilrec_gym.simulation.logged_items import logged_items
from ilrec_gym.simulation.scenario import Scenario

_DIGITS = 4
_BINS = 10
_TIME_ONLY = [COVARIATES.index("log_step"), COVARIATES.index("log_step_squared")]


@dataclass(frozen=True)
class HazardFit:
    """A hazard fitted on train users, and its figures on test users.

    Attributes:
        model: The coefficients, rounded to 4 digits.
        errors: Standard error of each coefficient by name, robust to dependence within a user.
        counts: ``rows``, ``leaves`` and ``users`` of ``"train"`` and ``"test"``.
        log_likelihood: Mean per test row of ``"hazard"``, of ``"time_only"``, the same fitted on the step count alone,
            and of ``"constant"``, the share of train rows.
        auc: Of ``"hazard"`` and ``"time_only"`` on test rows.
        calibration: Test rows in tenths by chance: mean ``predicted``, ``observed`` share, ``rows``.
        lengths: Real and simulated sessions of ``"train"`` and ``"test"`` users.
        gaps: How sessions depend on the gap.
        even_share: How often two pauses in a row are alike; much above .1 where times were filled in.
    """

    model: HazardModel
    errors: dict[str, float]
    counts: dict[str, dict[str, int]]
    log_likelihood: dict[str, float]
    auc: dict[str, float]
    calibration: list[dict[str, float]]
    lengths: dict[str, Lengths]
    gaps: list[dict[str, float]]
    even_share: float


def fit_hazard(
    data: InteractionData,
    scenario: Scenario,
    *,
    gap: float = GAP,
    log_end: str = "data",
    inexact_times: bool = False,
    seed: int = 0,
) -> HazardFit:
    """Fit the hazard on the real sessions of train users.

    Args:
        data: The data set that the scenario was made from.
        scenario: For content vectors, aspirations and who is a test user.
        gap: Minutes of silence that end a session.
        log_end: As in :func:`~ilrec_gym.data.log_sessions.log_sessions`.
        inexact_times: Whether times may be such that were filled in.
        seed: Of the simulated sessions that lengths are compared with.

    Raises:
        DataError: Times that were filled in, feedback without ratings, or too few sessions.
    """
    if data.feedback == "implicit":
        raise DataError("a hazard is fitted on ratings", received=data.feedback, cause="feedback without ratings")
    share = even_share(data.interactions)
    if not inexact_times and not times_are_exact(data.interactions):
        raise DataError(
            "the pauses between ratings must be real ones",
            received=f"{share:.0%} of pauses are as long as the pause before them; 4% to 7% are by chance",
            cause=f"{data.name} has times that were filled in evenly between those that are known",
            fix="fit on a data set with exact times, or force it (--inexact-times) and do not rely on it",
        )
    logged = logged_items(data, scenario, gap, log_end)
    rows = hazard_rows(logged, scenario)
    is_test = scenario.users.is_test
    train, test = rows[~is_test[rows.user]], rows[is_test[rows.user]]
    if not 0 < test.left.sum() < len(test):
        raise DataError(
            "test users must have stayed and left", received=f"{len(test)} rows", cause="a tiny data set or a wide gap"
        )
    fitted = fit_logistic(train.x, train.left, train.user)
    model = HazardModel(*np.round(fitted.coefficients, _DIGITS).tolist())
    chances = {"hazard": model.chance(test.x), "time_only": _time_only(train, test)}
    constant = np.full(len(test), train.left.mean())
    return HazardFit(
        model=model,
        errors=dict(zip(("intercept", *COVARIATES), np.round(fitted.errors, _DIGITS).tolist(), strict=True)),
        counts={name: _counts(part) for name, part in (("train", train), ("test", test))},
        log_likelihood={
            name: log_likelihood(chance, test.left) for name, chance in {**chances, "constant": constant}.items()
        },
        auc={name: auc(chance[test.left], chance[~test.left]) for name, chance in chances.items()},
        calibration=calibration(chances["hazard"], test.left),
        lengths={
            name: lengths(logged, scenario, model, users, seed=seed)
            for name, users in (("train", ~is_test), ("test", is_test))
        },
        gaps=gap_table(data.interactions),
        even_share=share,
    )


def calibration(chance: NDArray[np.float64], left: NDArray[np.bool_]) -> list[dict[str, float]]:
    """Rows in ten equal parts, from the least to the most likely: mean ``predicted``, ``observed`` share, ``rows``."""
    parts = np.array_split(np.argsort(chance, kind="stable"), _BINS)
    return [
        {"predicted": float(chance[part].mean()), "observed": float(left[part].mean()), "rows": len(part)}
        for part in parts
        if len(part)
    ]


def _time_only(train: HazardRows, test: HazardRows) -> NDArray[np.float64]:
    b = fit_logistic(train.x[:, _TIME_ONLY], train.left, train.user).coefficients
    time_only = HazardModel(b[0], log_step=b[1], log_step_squared=b[2])
    chance: NDArray[np.float64] = time_only.chance(test.x)
    return chance


def _counts(rows: HazardRows) -> dict[str, Any]:
    return {"rows": len(rows), "leaves": int(rows.left.sum()), "users": len(np.unique(rows.user))}
