"""How long sessions are: the real ones, and those that the simulator plays with the same users and items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data.log_sessions import Runs
from ilrec_gym.errors import DataError
from ilrec_gym.simulation.hazard.model import HazardModel
from ilrec_gym.simulation.logged_items import LoggedItems
from ilrec_gym.simulation.scenario import Scenario
from ilrec_gym.simulation.user_models import make_user_model

HORIZON = 100


@dataclass(frozen=True)
class Lengths:
    """Lengths of sessions, none counted beyond 100 items.

    Attributes:
        sessions: How many were compared.
        real: Mean length of the real ones.
        real_error: Its standard error, robust to dependence within a user.
        simulated: Mean length of the simulated ones.
        simulated_error: Its standard error, likewise.
        real_quartiles: Quartiles of the real ones.
        simulated_quartiles: Quartiles of the simulated ones.
    """

    sessions: int
    real: float
    real_error: float
    simulated: float
    simulated_error: float
    real_quartiles: tuple[float, ...]
    simulated_quartiles: tuple[float, ...]


def lengths(
    logged: LoggedItems, scenario: Scenario, model: HazardModel, users: NDArray[np.bool_], *, seed: int = 0
) -> Lengths:
    """Compare the real sessions of some users with simulated ones.

    A simulated session has the user of a real one and shows the same items in the same order, then those of the user's
    later sessions, then the most rated ones of all others; ratings and leaving are the simulator's. Compared are
    sessions that begin after the profile.

    Args:
        logged: Real sessions.
        scenario: Who likes what.
        model: The hazard.
        users: ``(U,)`` bool, whose sessions.
        seed: Of leaving by chance.

    Raises:
        DataError: No such session.
    """
    start, length = Runs.of(logged.session)
    begun = logged.place[start] >= scenario.users.profile_items.shape[1]
    begun &= users[logged.user[start]]
    start, length = start[begun], length[begun]
    if not len(start):
        raise DataError("users must have a session after the profile", cause="a tiny data set, or a long profile")
    items = _shown(logged, scenario, start)
    simulator = scenario.simulator(make_user_model(model.as_user_model()), items.shape[1])
    state = simulator.start(logged.user[start], seeds=seed + np.arange(len(start)))
    simulated = np.full(len(start), items.shape[1])
    for t in range(items.shape[1]):
        leaves = simulator.step(state, items[:, t]).terminated & (simulated > t + 1)
        simulated[leaves] = t + 1
    real = np.minimum(length, items.shape[1])
    user = logged.user[start]
    return Lengths(
        len(start), float(real.mean()), _error(real, user), float(simulated.mean()), _error(simulated, user),
        _quartiles(real), _quartiles(simulated),
    )  # fmt: skip


def _shown(logged: LoggedItems, scenario: Scenario, start: NDArray[np.int64]) -> NDArray[np.int64]:
    """``(S, T)`` what each session shows: T is 100, or all items where there are fewer."""
    horizon = min(HORIZON, len(scenario.catalogue))
    popular = np.argsort(-scenario.catalogue.popularity, kind="stable")
    ends = np.searchsorted(logged.user, logged.user[start], side="right")
    shown = np.empty((len(start), horizon), np.int64)
    for row, (first, end) in enumerate(zip(start.tolist(), ends.tolist(), strict=True)):
        own = logged.item[first : min(end, first + horizon)]
        others = popular[~np.isin(popular, own)] if len(own) < horizon else popular
        shown[row] = np.concatenate([own, others[: horizon - len(own)]])
    return shown


def _error(values: NDArray[np.int64], cluster: NDArray[np.int64]) -> float:
    """Standard error of a mean whose terms may depend on each other within a cluster."""
    residuals = np.bincount(cluster, weights=values - values.mean())
    return float(np.sqrt(np.square(residuals).sum()) / len(values))


def _quartiles(values: NDArray[np.int64]) -> tuple[float, ...]:
    return tuple(np.quantile(values, [0.25, 0.5, 0.75]).tolist())
