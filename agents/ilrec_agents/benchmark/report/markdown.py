"""The results table as GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ilrec_agents.benchmark.report.columns import Column, columns
from ilrec_agents.benchmark.report.numbers import cell

if TYPE_CHECKING:
    from ilrec_agents.benchmark.report.table import ResultsTable, Row

VERDICTS = (
    "R_each is return / steps of a session, averaged over users. "
    "Differences are paired by user; ▲ and ▼: the interval leaves zero out, ≈: it does not."
)

SCORE = "score: R_traj between that of `random` (0) and of `oracle_one_step` (100), with the same users."


def table(results: ResultsTable) -> str:
    """The table, how to read it, and what each row teaches."""
    shown = columns(results)
    renamed = {"difference": f"R_traj − `{results.baseline}`", "ms / decision": "ms/decision"}
    if results.second is not None:
        renamed[f"− {results.second}"] = f"R_traj − `{results.second}`"
    heads = ["agent", *(renamed.get(column.name, column.name) for column in shown)]
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    for group, rows in results.groups.items():
        if len(results.groups) > 1:
            lines.append(f"| *{cell(group)}* |" + " |" * (len(heads) - 1))
        lines += [_line(shown, row) for row in rows]
    return "\n".join([*lines, "", *_legend(results), *_notes(results)]) + "\n"


def _line(shown: Sequence[Column], row: Row) -> str:
    marks = [mark for mark in row.marks if mark != "reference"]
    name = f"`{cell(row.label)}`" + (f" ({', '.join(marks)})" if marks else "")
    cells = [name, *(column.cell(row)[0] for column in shown)]
    return "| " + " | ".join(cells) + " |"


def _legend(results: ResultsTable) -> list[str]:
    used = {mark: meaning for mark, meaning in results.marks.items() if mark != "reference"}
    return [
        f"Mean over {results.users} users, the same for all rows, with 95% bootstrap intervals {over(results)}.",
        VERDICTS,
        *([SCORE] if results.scores and results.pooled else []),
        *(["", *(f"- *{mark}*: {meaning}" for mark, meaning in used.items())] if used else []),
    ]


def over(results: ResultsTable) -> str:
    """What intervals rest on, in words."""
    if not results.pooled:
        return "over users"
    if not results.single:
        return "over training seeds and users"
    if len(results.single) == sum(row.varies for row in results.rows):
        return "over users alone: with one run of each agent they say nothing of other training seeds"
    return f"over training seeds and users, but over users alone, and so of one run, for {', '.join(results.single)}"


def _notes(results: ResultsTable) -> list[str]:
    notes = [f"- `{row.label}`: {row.note}" for row in results.rows if row.note]
    return ["", "What each row teaches:", "", *notes] if notes else []
