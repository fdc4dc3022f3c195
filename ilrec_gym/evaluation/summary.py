"""An evaluation as records and as a Markdown table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ilrec_gym.evaluation.result import Evaluation

_HEADLINE = ("Len", "R_each", "R_traj")
_PLAIN = ("coverage", "cv_turn", "mcd", "gini", "repeats", "ms_per_decision")


def records(evaluation: Evaluation) -> list[dict[str, Any]]:
    """One record per metric: ``metric``, ``mean``, ``low``, ``high``, ``n``."""
    intervals = {name: getattr(evaluation, name) for name in _HEADLINE}
    intervals |= {f"{name} without leaving step": getattr(evaluation.without_leaving_step, name) for name in _HEADLINE}
    intervals |= {"diversity": evaluation.diversity, "novelty": evaluation.novelty}
    rows: list[dict[str, Any]] = [
        {"metric": name, "mean": x.mean, "low": x.low, "high": x.high, "n": x.n} for name, x in intervals.items()
    ]
    for name in _PLAIN:
        rows.append(
            {"metric": name, "mean": getattr(evaluation, name), "low": None, "high": None, "n": evaluation.sessions}
        )
    return rows


def markdown(evaluation: Evaluation) -> str:
    """A heading, a table with one row per metric, and how the sessions ended."""
    lines = [
        f"**{evaluation.agent}** in `{evaluation.env_id}`: {len(evaluation.users)} users ({evaluation.split}), "
        f"{evaluation.sessions} sessions, seed {evaluation.seed}",
        "",
        "| metric | mean | 95% interval |",
        "|---|---:|---|",
    ]
    for row in records(evaluation):
        if not math.isnan(row["mean"]):
            ends = "" if row["low"] is None or math.isnan(row["low"]) else f"[{row['low']:.3f}, {row['high']:.3f}]"
            lines.append(f"| {row['metric']} | {row['mean']:.3f} | {ends} |")
    reasons = ", ".join(f"{reason} {count}" for reason, count in evaluation.exit_reasons.items())
    return "\n".join([*lines, "", f"Sessions ended by: {reasons}."]) + "\n"
