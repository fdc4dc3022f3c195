"""The evaluations of one agent under several training seeds, as one: intervals rest on seeds and users."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.errors import UsageError
from ilrec_gym.evaluation import Evaluation, Interval, PerUser
from ilrec_gym.evaluation.over_seeds import (
    PerSeed,
    Profile,
    difference_over_seeds,
    interquartile_mean,
    mean_over_seeds,
    performance_profile,
    probability_of_improvement,
)
from ilrec_gym.evaluation.session_log import joined
from ilrec_gym.evaluation.statistics import check_same_users


@dataclass(frozen=True, eq=False)
class Pooled(Evaluation):
    """All sessions of several runs. Each user counts once per seed, with the mean over that run's sessions.

    Attributes:
        runs: One evaluation per training seed, over the same users.
        facts: What else is known of the runs, averaged over them: ``training_seconds``, ``ms_alone``, ...
    """

    runs: tuple[Evaluation, ...] = ()
    facts: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, runs: Sequence[Evaluation], records: Sequence[Mapping[str, Any]] = ()) -> Self:
        """Pool runs of one agent.

        Args:
            runs: One per training seed.
            records: What each run noted; numbers are averaged.

        Raises:
            UsageError: No run, runs of different environments, or over different users.
        """
        if not runs:
            raise UsageError("at least one run is needed", received=0)
        first = runs[0]
        if len({run.fingerprint for run in runs}) > 1:
            raise UsageError("runs that are pooled must be of one environment", received=[r.env_id for r in runs])
        known = (
            set.intersection(*({k for k, v in record.items() if _number(v)} for record in records)) if records else ()
        )
        facts = {name: float(np.mean([record[name] for record in records])) for name in sorted(known)}
        inherited = {name: getattr(first, name) for name in first.__dataclass_fields__}
        for k, run in enumerate(runs[1:], 1):
            check_same_users(first.users, run.users, ("run 0", f"run {k}"))
        return cls(**inherited | {"log": joined([run.log for run in runs])}, runs=tuple(runs), facts=facts)

    @property
    def seeds(self) -> int:
        """Training seeds."""
        return len(self.runs)

    def per_seed(self, name: str, *, leaving_step: bool = True) -> PerSeed:
        """A metric per seed and user; of users without a value in some run none is kept."""
        values = [run.per_user(name, leaving_step=leaving_step) for run in self.runs]
        return PerSeed.of(values, common=any(len(v.values) < len(self.users) for v in values))

    def interval_of(self, name: str, *, leaving_step: bool = True) -> Interval:
        """The mean over seeds and users with its two-way interval; nan throughout where no user has a value."""
        values = [run.per_user(name, leaving_step=leaving_step) for run in self.runs]
        if not len(set.intersection(*(set(v.user_ids.tolist()) for v in values))):
            return Interval(math.nan, math.nan, math.nan, 0)
        return mean_over_seeds(self.per_seed(name, leaving_step=leaving_step))

    @cached_property
    def iqm(self) -> Interval:
        """Interquartile mean of R_traj over seeds and users."""
        return interquartile_mean(self.per_seed("R_traj"))

    def profile(self, thresholds: NDArray[np.floating], low: PerUser, high: PerUser) -> Profile:
        """Share of runs and users above normalised scores: 0 is ``low``'s mean return, 1 is ``high``'s."""
        x = self.per_seed("R_traj")
        scale = high.values.mean() - low.values.mean()
        scores = replace(x, values=(x.values - low.values.mean()) / scale)
        return performance_profile(scores, thresholds)

    # What depends on the number of sessions is averaged over runs ---------------------------------------------------

    @cached_property
    def coverage(self) -> float:
        """Catalogue coverage of one run, averaged over runs."""
        return self._mean(lambda run: run.coverage)

    @cached_property
    def cv_turn(self) -> float:
        """Distinct items per recommendation of one run, averaged over runs."""
        return self._mean(lambda run: run.cv_turn)

    @cached_property
    def gini(self) -> float:
        """Gini coefficient of exposure of one run, averaged over runs."""
        return self._mean(lambda run: run.gini)

    def _mean(self, of: Callable[[Evaluation], float]) -> float:
        return float(np.mean([of(run) for run in self.runs]))


def difference(a: Evaluation, b: Evaluation, metric: str = "R_traj") -> Interval:
    """The mean of a - b, paired by user, over seeds and users; a plain evaluation counts as one seed."""
    return difference_over_seeds(_per_seed(a, metric), _per_seed(b, metric))


def improvement(a: Evaluation, b: Evaluation) -> Interval:
    """How likely a run of a gives a user more than a run of b does."""
    return probability_of_improvement(_per_seed(a, "R_traj"), _per_seed(b, "R_traj"))


def _per_seed(x: Evaluation, metric: str) -> PerSeed:
    return x.per_seed(metric) if isinstance(x, Pooled) else PerSeed.of([x.per_user(metric)])


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
