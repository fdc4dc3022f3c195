"""What a study of off-policy estimates found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ilrec_gym.errors import unknown_name
from ilrec_gym.evaluation import Interval


@dataclass(frozen=True)
class Estimate:
    """One estimator's answer.

    Attributes:
        target: The policy.
        horizon: Steps that count.
        estimator: Name in ``ESTIMATORS``.
        value: The estimate with its 95% bootstrap interval over sessions; nan where it is not defined.
        truth: What the simulator knows, with the chance that is left in it.
        effective_sessions: Kish's effective sample size of the weights at the horizon.
        unsupported: Mean chance that the target would have done what the logging policy never does; nan where the
            dataset does not keep all of its probabilities.
    """

    target: str
    horizon: int
    estimator: str
    value: Interval
    truth: Interval
    effective_sessions: float
    unsupported: float

    @property
    def error(self) -> float:
        """Estimate less truth."""
        return self.value.mean - self.truth.mean

    @property
    def holds(self) -> bool:
        """Whether the interval and the truth's meet."""
        least = self.truth.mean if math.isnan(self.truth.low) else self.truth.low
        most = self.truth.mean if math.isnan(self.truth.high) else self.truth.high
        return self.value.low <= most and least <= self.value.high


@dataclass(frozen=True, eq=False)
class Study:
    """All estimates over one dataset.

    Attributes:
        estimates: By target, horizon and estimator, in this order.
        logged: What the logging policy itself returned up to each horizon: horizon -> mean with interval.
        sessions: Logged sessions.
        steps: Their steps.
        gamma: Discount per step.
        facts: What else is to be told: seed, settings.
    """

    estimates: tuple[Estimate, ...]
    logged: Mapping[int, Interval]
    sessions: int
    steps: int
    gamma: float
    facts: Mapping[str, Any] = field(default_factory=dict)

    def of(self, target: str, horizon: int, estimator: str) -> Estimate:
        """One of the estimates."""
        for estimate in self.estimates:
            if (estimate.target, estimate.horizon, estimate.estimator) == (target, horizon, estimator):
                return estimate
        raise unknown_name("an estimate", (target, horizon, estimator), {e.target for e in self.estimates})

    @property
    def groups(self) -> dict[tuple[str, int], list[Estimate]]:
        """Estimates by target and horizon."""
        found: dict[tuple[str, int], list[Estimate]] = {}
        for estimate in self.estimates:
            found.setdefault((estimate.target, estimate.horizon), []).append(estimate)
        return found

    def to_records(self) -> list[dict[str, Any]]:
        """One flat record per estimate."""
        from ilrec_agents.ope.tables import records

        return records(self)

    def to_markdown(self) -> str:
        """A table per target and horizon."""
        from ilrec_agents.ope.tables import markdown

        return markdown(self)

    def save(self, folder: str | Path, *, inputs: Mapping[str, str] | None = None) -> list[Path]:
        """Write ``ope.md``, ``ope.csv`` with its card and ``ope.png``; returns them. Needs the extra ``report``."""
        from ilrec_agents.ope.tables import save

        return save(self, Path(folder), inputs)
