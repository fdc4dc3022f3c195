"""The columns of a results table: what each says of a row, as text and as a number to sort by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ilrec_agents.benchmark.report.numbers import duration, milliseconds, number, with_interval, with_sign
from ilrec_agents.benchmark.report.pooled import Pooled

if TYPE_CHECKING:
    from ilrec_agents.benchmark.report.table import ResultsTable, Row
    from ilrec_gym.evaluation import Interval


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: Its head.
        cell: A row's text, and the number that it is sorted by.
        about: What it holds, where the name does not say it.
        minor: Whether a narrow screen may leave it out until it is asked for.
    """

    name: str
    cell: Callable[[Row], tuple[str, float]]
    about: str = ""
    minor: bool = False


def columns(table: ResultsTable) -> tuple[Column, ...]:
    """The columns after the agent's name; more of them where runs under several seeds are pooled."""
    base = table.baseline

    length = Column("Len", lambda row: _ends(row.evaluation.Len, 1))
    each = Column("R_each", lambda row: _ends(row.evaluation.R_each, 2))
    total = Column("R_traj", lambda row: _ends(row.evaluation.R_traj, 1))
    difference = Column("difference", _gap(table.differences), f"R_traj, paired with {base} by user")
    coverage = Column(
        "coverage", lambda row: (f"{number(row.evaluation.coverage * 100, 1)}%", row.evaluation.coverage), minor=True
    )
    speed = Column("ms / decision", _speed, minor=True)
    sessions = Column("sessions", lambda row: (str(row.evaluation.sessions), row.evaluation.sessions), minor=True)
    if not table.pooled:
        return length, each, total, difference, coverage, speed, sessions
    about = f"chance that a run gives a user more than {base}"
    better = Column(f"P(> {base})", lambda row: _chance(row, table), about, minor=True)
    about = "interquartile mean of R_traj over seeds and users"
    middle = Column("IQM", lambda row: _ends(_pooled(row).iqm, 1), about, minor=True)
    cost = Column("training", _training, "wall time of one run on one core", minor=True)
    seeds = Column("seeds", lambda row: (str(_pooled(row).seeds), _pooled(row).seeds), minor=True)
    score = Column("score", lambda row: _score(row, table), "0 is random, 100 is oracle_one_step")
    scored = (score,) if table.scores else ()
    gaps = (difference, *_second(table))
    return total, *scored, middle, *gaps, better, length, each, coverage, speed, cost, seeds


def _gap(differences: Mapping[str, Interval | None]) -> Callable[[Row], tuple[str, float]]:
    def cell(row: Row) -> tuple[str, float]:
        found = differences[row.label]
        return with_sign(found), 0.0 if found is None else found.mean

    return cell


def _second(table: ResultsTable) -> tuple[Column, ...]:
    if table.second is None:
        return ()
    about = f"R_traj, paired with {table.second} by user"
    return (Column(f"− {table.second}", _gap(table.differences_to(table.second)), about),)


def _ends(value: object, digits: int) -> tuple[str, float]:
    from ilrec_gym.evaluation import Interval

    assert isinstance(value, Interval)
    return with_interval(value, digits), value.mean


def _speed(row: Row) -> tuple[str, float]:
    return milliseconds(row.evaluation.ms_per_decision), row.evaluation.ms_per_decision


def _pooled(row: Row) -> Pooled:
    assert isinstance(row.evaluation, Pooled)
    return row.evaluation


def _chance(row: Row, table: ResultsTable) -> tuple[str, float]:
    if row.label == table.baseline:
        return "baseline", 0.5
    found = table.improvements[row.label]
    return with_interval(found, 2), found.mean


def _score(row: Row, table: ResultsTable) -> tuple[str, float]:
    return number(table.scores[row.label], 1), table.scores[row.label]


def _training(row: Row) -> tuple[str, float]:
    seconds = _pooled(row).facts.get("training_seconds", 0.0)
    return (duration(seconds), seconds) if seconds else ("none", 0.0)
