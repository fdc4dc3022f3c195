"""A study as JSON values and back; what is not defined is null."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

from ilrec_agents.ope.results import Estimate, Study
from ilrec_gym.errors import ArtefactError
from ilrec_gym.evaluation import Interval


def to_json(study: Study) -> dict[str, Any]:
    """The study as JSON values."""
    return {
        "estimates": [_without_nan(asdict(estimate)) for estimate in study.estimates],
        "logged": {str(horizon): _without_nan(asdict(value)) for horizon, value in study.logged.items()},
        "sessions": study.sessions,
        "steps": study.steps,
        "gamma": study.gamma,
        "facts": dict(study.facts),
    }


def from_json(values: dict[str, Any]) -> Study:
    """What :func:`to_json` was given.

    Raises:
        ArtefactError: Values that are no study.
    """
    try:
        return Study(
            tuple(_estimate(one) for one in values["estimates"]),
            {int(horizon): _interval(value) for horizon, value in values["logged"].items()},
            values["sessions"],
            values["steps"],
            values["gamma"],
            values["facts"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtefactError(
            "a study must be stored with its estimates", received=repr(error), cause="a damaged file"
        ) from error


def joined(studies: list[Study]) -> Study:
    """Studies of several agents over one log, see :func:`log_of`, as one."""
    return replace(studies[0], estimates=tuple(estimate for study in studies for estimate in study.estimates))


def log_of(study: Study) -> tuple[Any, ...]:
    """What tells the log of a study from others: its sessions, steps and returns, and the discount."""
    return study.sessions, study.steps, study.gamma, dict(study.logged)


def _estimate(values: dict[str, Any]) -> Estimate:
    intervals = {name: _interval(values[name]) for name in ("value", "truth")}
    numbers = {name: _nan(values[name]) for name in ("effective_sessions", "unsupported")}
    return Estimate(**{**values, **intervals, **numbers})


def _interval(values: dict[str, Any]) -> Interval:
    return Interval(**{name: _nan(value) for name, value in values.items()})


def _nan(value: Any) -> Any:
    return math.nan if value is None else value


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
