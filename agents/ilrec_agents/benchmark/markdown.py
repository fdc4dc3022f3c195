"""The results table as GitHub-flavoured Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ilrec_agents.benchmark.numbers import milliseconds, number, with_interval, with_sign

if TYPE_CHECKING:
    from ilrec_agents.benchmark.table import ResultsTable, Row

VERDICTS = (
    "R_each is return / steps of a session, averaged over users. "
    "Differences are paired by user; ▲ and ▼: the interval leaves zero out, ≈: it does not."
)


def table(results: ResultsTable) -> str:
    """The table, how to read it, and what each row teaches."""
    difference = f"R_traj − `{results.baseline}`"
    heads = ["agent", "Len", "R_each", "R_traj", difference, "coverage", "ms/decision", "sessions"]
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    for group, rows in results.groups.items():
        if len(results.groups) > 1:
            lines.append(f"| *{_cell(group)}* |" + " |" * (len(heads) - 1))
        lines += [_line(results, row) for row in rows]
    return "\n".join([*lines, "", *_legend(results), *_notes(results)]) + "\n"


def _line(results: ResultsTable, row: Row) -> str:
    result, marks = row.evaluation, [mark for mark in row.marks if mark != "reference"]
    cells = [
        f"`{_cell(row.label)}`" + (f" ({', '.join(marks)})" if marks else ""),
        with_interval(result.Len, 1),
        with_interval(result.R_each, 2),
        with_interval(result.R_traj, 1),
        with_sign(results.differences[row.label]),
        f"{number(result.coverage * 100, 1)}%",
        milliseconds(result.ms_per_decision),
        str(result.sessions),
    ]
    return "| " + " | ".join(cells) + " |"


def _legend(results: ResultsTable) -> list[str]:
    used = {mark: meaning for mark, meaning in results.marks.items() if mark != "reference"}
    return [
        f"Mean over {results.users} users, the same for all rows, with 95% bootstrap intervals over users.",
        VERDICTS,
        *(["", *(f"- *{mark}*: {meaning}" for mark, meaning in used.items())] if used else []),
    ]


def _notes(results: ResultsTable) -> list[str]:
    notes = [f"- `{row.label}`: {row.note}" for row in results.rows if row.note]
    return ["", "What each row teaches:", "", *notes] if notes else []


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
