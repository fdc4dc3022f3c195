"""What the table says, in sentences that hold whatever the numbers turn out to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ilrec_agents.benchmark.report.numbers import with_interval

if TYPE_CHECKING:
    from ilrec_agents.benchmark.report.table import ResultsTable, Row

_WORDS = {"above": "earns more than", "below": "earns less than", "not separated": "cannot be told apart from"}


def findings(table: ResultsTable) -> list[str]:
    """The comparisons that the marks call for, each with its paired difference of R_traj.

    Teacher against the baseline; every student against the teacher and against the strongest control; the best of each
    family of agents against the baseline and the table's second one; the best row that does not see the truth, against
    the best one that does.
    """
    found = [compare(table, row.label, table.baseline) for row in _marked(table, "teacher")]
    teacher, control = _best(_marked(table, "teacher")), _best(_marked(table, "control"))
    for student in _marked(table, "student"):
        found += [compare(table, student.label, teacher.label, "its teacher ")] if teacher else []
        found += [compare(table, student.label, control.label, "the strongest control ")] if control else []
    for family in ("bandit", "online", "offline", "model-based", "llm"):
        rows = _marked(table, family)
        champion = _best(rows)
        if champion:
            found.append(compare(table, champion.label, table.baseline, "the baseline ") + _chosen(rows))
        if champion and table.second:
            found.append(compare(table, champion.label, table.second) + _chosen(rows))
    oracle = _best(_marked(table, "sees truth"))
    blind = _best([row for row in table.rows if "sees truth" not in row.marks])
    if oracle and blind:
        found.append(compare(table, blind.label, oracle.label, "what seeing the truth gives, "))
    return found


def compare(table: ResultsTable, label: str, other: str, role: str = "") -> str:
    """One sentence: which of two rows earns more, by how much, or that the users seen do not tell."""
    difference = table.difference(label, other)
    return f"{label} {_WORDS[difference.verdict]} {role}{other}: {with_interval(difference, 1, signed=True)}."


def _chosen(rows: list[Row]) -> str:
    """That the best of several was chosen by the same sessions, which makes it look better than it is."""
    if len(rows) < 2:
        return ""
    return f" (The best of {len(rows)} {rows[0].marks[0]} agents with these users; not adjusted for that.)"


def _marked(table: ResultsTable, mark: str) -> list[Row]:
    return [row for row in table.rows if mark in row.marks and row.label != table.baseline]


def _best(rows: list[Row]) -> Row | None:
    return max(rows, key=lambda row: row.evaluation.R_traj.mean, default=None)
