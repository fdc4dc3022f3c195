"""How far each estimator is off, over all agents that were judged by a log."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ilrec_agents.benchmark.report.exhibits import PlainTable
from ilrec_agents.benchmark.report.numbers import MISSING, number

Cell = tuple[str, float]
NOTE = (
    "Mean error over agents, in percent of the truth, and how many of their intervals meet the truth's own. "
    "An estimate that is not defined, as no logged session goes on as the agent would, has no error and meets nothing."
)


def summary(records: Sequence[Mapping[str, Any]]) -> PlainTable:
    """One row per estimator, one column per horizon.

    Args:
        records: As ``Study.to_records`` gives them; nan where an estimate is not defined.
    """
    horizons, names = (list(dict.fromkeys(r[key] for r in records)) for key in ("horizon", "estimator"))
    agents = len({r["target"] for r in records})
    rows = tuple((name, tuple(_cell(records, name, horizon) for horizon in horizons)) for name in names)
    heads = ("estimator", *(f"{horizon} steps" for horizon in horizons))
    note = " ".join([NOTE, *softening(records)])
    return PlainTable(f"How far estimates from a log are off ({agents} agents)", heads, rows, note)


def softening(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """The sentence that says what was judged in place of the agents themselves, if anything."""
    epsilon = max(float(r.get("epsilon") or 0.0) for r in records)
    judged = "Judged is the agent of the first seed that chooses uniformly with chance"
    return [f"{judged} {epsilon:g}, so that it does what the log holds."] if epsilon else []


def _cell(records: Sequence[Mapping[str, Any]], name: str, horizon: Any) -> Cell:
    here = [r for r in records if (r["estimator"], r["horizon"]) == (name, horizon)]
    errors = [abs(r["error"]) / abs(r["truth"]) for r in here if math.isfinite(r["error"]) and r["truth"]]
    holds = f"{sum(bool(r['holds']) for r in here)} of {len(here)}"
    if not errors:
        return f"{MISSING}, {holds}", math.inf
    error = 100 * sum(errors) / len(errors)
    return f"{number(error, 1)}%, {holds}", error
