"""The results table: one row per agent, all over the same users, each compared with one baseline row by user."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ilrec_agents.benchmark.report import markdown, pooled
from ilrec_agents.benchmark.report.numbers import csv_text
from ilrec_gym.errors import UsageError, unknown_name
from ilrec_gym.evaluation import Evaluation, Interval, paired_difference
from ilrec_gym.evaluation.statistics import check_same_users
from ilrec_gym.files import replacing

MARKS = {
    "sees truth": "reads the simulator's hidden ratings: an upper mark, not a competitor",
    "llm": "a language model, prompted",
    "teacher": "the language model that gives the demonstrations",
    "student": "learned from the teacher's demonstrations",
    "control": "trained like a student on a reward that carries no information",
    "reference": "a rule or learner to compare with",
    "heuristic": "a rule",
    "bandit": "learns which films to show while it plays",
    "online": "learns by playing with train users",
    "offline": "learns from logged sessions",
    "model-based": "learns in a model of the users that was fitted to logs",
}
ITEM_FACTS = ("item_ids", "popularity", "item_vectors")
METRICS = ("Len", "R_each", "R_traj")


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        label: Its name in the table, unique.
        evaluation: Its sessions and metrics.
        group: What it chooses from, e.g. "offered 20" or "whole catalogue".
        marks: Some of :data:`MARKS`; the first decides its colour in pictures.
        note: One sentence: what this row teaches.
        varies: Whether another training seed would give another row.
    """

    label: str
    evaluation: Evaluation
    group: str = ""
    marks: tuple[str, ...] = ("reference",)
    note: str = ""
    varies: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "marks", (self.marks,) if isinstance(self.marks, str) else tuple(self.marks))
        for mark in self.marks:
            if mark not in MARKS:
                raise unknown_name("a row's mark", mark, MARKS)


@dataclass(frozen=True)
class ResultsTable:
    """Rows over the same users of the same world, in the order to show them.

    Attributes:
        rows: The rows.
        baseline: Label of the row that every other one is compared with, paired by user.
        second: Label of one more such row, if any.
    """

    rows: tuple[Row, ...]
    baseline: str = "retriever_random"
    second: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", tuple(self.rows))
        labels = [row.label for row in self.rows]
        if not labels or len(set(labels)) != len(labels):
            raise UsageError("a table needs rows, each with its own label", received=labels)
        base = self.row(self.baseline)
        for rows in self.groups.values():
            for row in rows:
                check_same_users(base.evaluation.users, row.evaluation.users, (repr(base.label), repr(row.label)))
                _check_same_world(base, row)
                _check_same_world(rows[0], row)

    def row(self, label: str) -> Row:
        """The row of this label."""
        for row in self.rows:
            if row.label == label:
                return row
        raise unknown_name("a row of the table", label, [row.label for row in self.rows])

    @property
    def groups(self) -> dict[str, list[Row]]:
        """The rows by group, groups and rows in the table's order."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.group, []).append(row)
        return found

    @property
    def marks(self) -> dict[str, str]:
        """The marks that some row carries, with their meaning, in the order of :data:`MARKS`."""
        carried = {mark for row in self.rows for mark in row.marks}
        return {mark: meaning for mark, meaning in MARKS.items() if mark in carried}

    @property
    def pooled(self) -> bool:
        """Whether every row holds the runs of one agent under its training seeds."""
        return all(isinstance(row.evaluation, pooled.Pooled) for row in self.rows)

    @property
    def single(self) -> list[str]:
        """Labels of rows that rest on one training seed, and would be others under another."""
        return [row.label for row in self.rows if row.varies and getattr(row.evaluation, "seeds", 1) == 1]

    @property
    def users(self) -> int:
        """Users that every row met."""
        return len(self.rows[0].evaluation.users)

    def difference(self, label: str, other: str | None = None, metric: str = "R_traj") -> Interval:
        """The paired difference ``label - other`` (the baseline by default) of a metric, with its 95% interval."""
        a, b = self.row(label), self.row(self.baseline if other is None else other)
        if isinstance(a.evaluation, pooled.Pooled) or isinstance(b.evaluation, pooled.Pooled):
            return pooled.difference(a.evaluation, b.evaluation, metric)
        return paired_difference(a.evaluation.per_user(metric), b.evaluation.per_user(metric))

    @cached_property
    def differences(self) -> dict[str, Interval | None]:
        """Per label the paired difference of R_traj to the baseline; None for the baseline itself."""
        return self.differences_to(self.baseline)

    def differences_to(self, other: str) -> dict[str, Interval | None]:
        """Per label the paired difference of R_traj to a row; None for that row itself."""
        return {row.label: None if row.label == other else self.difference(row.label, other) for row in self.rows}

    @cached_property
    def improvements(self) -> dict[str, Interval]:
        """Per label how likely one of its runs gives a user more than a run of the baseline does."""
        base = self.row(self.baseline).evaluation
        return {row.label: pooled.improvement(row.evaluation, base) for row in self.rows}

    @cached_property
    def scores(self) -> dict[str, float]:
        """Per label R_traj on the scale on which the row ``random`` has 0 and ``oracle_one_step`` 100.

        Empty where there is no such row, or where rows choose from different sets of actions.
        """
        from ilrec_agents.datasets.scores import HIGH, LOW, between

        means = {row.label: row.evaluation.R_traj.mean for row in self.rows}
        if len(self.groups) > 1 or not {LOW, HIGH} <= means.keys():
            return {}
        return {label: float(between(mean, means[LOW], means[HIGH])) for label, mean in means.items()}

    def to_records(self) -> list[dict[str, Any]]:
        """One flat record per row; None where there is no value."""
        return [self._record(row) for row in self.rows]

    def to_csv(self) -> str:
        """The records as CSV, numbers with six significant digits."""
        return csv_text(self.to_records())

    def to_markdown(self) -> str:
        """A GitHub-flavoured Markdown table, a line on how to read it, and what each row teaches."""
        return markdown.table(self)

    def save(self, folder: str | os.PathLike[str], name: str = "results") -> list[Path]:
        """Write ``name.md`` and ``name.csv`` into a folder."""
        paths = [Path(folder) / f"{name}.md", Path(folder) / f"{name}.csv"]
        for path, text in zip(paths, (self.to_markdown(), self.to_csv()), strict=True):
            with replacing(path) as draft:
                draft.write_text(text, encoding="utf-8")
        return paths

    def _record(self, row: Row) -> dict[str, Any]:
        result = row.evaluation
        record: dict[str, Any] = {"label": row.label, "group": row.group, "marks": ", ".join(row.marks)}
        for suffix, source in (("", result), ("_without_leaving_step", result.without_leaving_step)):
            for metric in METRICS:
                record |= _flat(f"{metric}{suffix}", getattr(source, metric))
        record |= _flat("R_traj_minus_baseline", self.differences[row.label])
        record |= _flat("diversity", result.diversity)
        record |= {"coverage": result.coverage, "gini": result.gini, "repeats": result.repeats}
        record |= {"ms_per_decision": _none_for_nan(result.ms_per_decision), "sessions": result.sessions}
        return record | {"users": len(result.users), "baseline": self.baseline, "note": row.note}


def _flat(name: str, value: Interval | None) -> dict[str, float | None]:
    ends = (None,) * 3 if value is None else (value.mean, value.low, value.high)
    return dict(zip((name, f"{name}_low", f"{name}_high"), map(_none_for_nan, ends), strict=True))


def _none_for_nan(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)


# What decides the simulated world, as arguments of `gym.make`; the action set may differ between groups.
_WORLD = ("dataset", "user_model", "max_steps", "profile_length", "min_ratings", "catalogue_size", "split")


def _check_same_world(a: Row, b: Row) -> None:
    """Refuse rows of different catalogues or user models, and rows of one group that had different action sets."""
    x, y = a.evaluation, b.evaluation
    told: list[Any] = []
    if a.group == b.group and x.fingerprint and y.fingerprint and x.fingerprint != y.fingerprint:
        told.append(("fingerprint", x.fingerprint[:12], y.fingerprint[:12]))
    if not all(np.array_equal(getattr(x.catalogue, name), getattr(y.catalogue, name)) for name in ITEM_FACTS):
        told.append(("items", len(x.catalogue), len(y.catalogue)))
    stated, other = (dict(e.env_spec.get("kwargs") or {}) for e in (x, y))
    both = [name for name in _WORLD if name in stated and name in other]
    told += [(name, stated[name], other[name]) for name in both if stated[name] != other[name]]
    if told:
        raise UsageError(
            f"rows {a.label!r} and {b.label!r} must come from the same simulated world",
            received=told,
            cause="another data set, catalogue or user model, or another action set within one group",
            fix="evaluate both again in one environment, or put other action sets into a group of their own",
        )
