"""Real sessions as rows of a hazard: for every logged rating, the covariates, and whether the user left after it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data.log_sessions import Runs
from ilrec_gym.simulation.hazard.model import LAM, covariates, recent_after, surprise_of
from ilrec_gym.simulation.logged_items import LoggedItems
from ilrec_gym.simulation.satiation import remember
from ilrec_gym.simulation.scenario import Scenario

Index = NDArray[np.int64]


@dataclass(frozen=True)
class HazardRows:
    """Steps at which users were there, and what happened next.

    Attributes:
        x: ``(N, 5)`` covariates.
        left: ``(N,)`` bool, whether the user left after the step.
        user: ``(N,)`` user indices.
        step: ``(N,)`` t, from 1.
    """

    x: NDArray[np.float64]
    left: NDArray[np.bool_]
    user: Index
    step: Index

    def __len__(self) -> int:
        return len(self.left)

    def __getitem__(self, rows: NDArray[np.bool_]) -> HazardRows:
        return HazardRows(**{name: values[rows] for name, values in vars(self).items()})


def hazard_rows(logged: LoggedItems, scenario: Scenario) -> HazardRows:
    """The covariates of every logged rating after the profile, by the functions that the simulator uses.

    A session's step count and memory begin where the session really began, also where that is within the profile;
    ratings of the profile are not rows, because everybody in MovieLens has rated at least 20 films: nobody could leave.

    Args:
        logged: Real sessions.
        scenario: For content vectors, aspirations and the rating scale.
    """
    vectors, half = scenario.catalogue.vectors, scenario.world.half
    runs = Runs.of(logged.session).longest_first()
    memory, recent = np.zeros((len(runs.start), vectors.shape[1])), np.zeros(len(runs.start))
    x, step = np.empty((len(logged), 5)), np.empty(len(logged), np.int64)
    for t, rows in enumerate(runs.lockstep(), start=1):
        n, shown = len(rows), vectors[logged.item[rows]]
        surprise = surprise_of(logged.rating[rows], scenario.aspiration[logged.user[rows]], half)
        similarity = np.vecdot(shown, memory[:n])
        step[rows] = t
        x[rows] = covariates(surprise, recent[:n], similarity, step[rows])
        recent[:n], memory[:n] = recent_after(recent[:n], surprise), remember(memory[:n], shown, LAM)
    played = logged.place >= scenario.users.profile_items.shape[1]
    return HazardRows(x, logged.left, logged.user, step)[played]
