"""What the headline table leaves out: variety, novelty, repeats, cost, and other modes of evaluation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ilrec_agents.benchmark.exhibits import PlainTable
from ilrec_agents.benchmark.numbers import duration, milliseconds, number, with_interval
from ilrec_agents.benchmark.pooled import Pooled
from ilrec_agents.benchmark.results import EnvResults
from ilrec_agents.benchmark.table import ResultsTable, Row
from ilrec_gym.evaluation import Interval

Cell = tuple[str, float]


def beyond(table: ResultsTable) -> PlainTable:
    """The other metrics, row by row."""
    bare = "without the leaving step"
    columns: dict[str, Callable[[Row], Cell]] = {
        f"Len, {bare}": lambda row: _interval(row.evaluation.without_leaving_step.Len, 1),
        f"R_each, {bare}": lambda row: _interval(row.evaluation.without_leaving_step.R_each, 2),
        f"R_traj, {bare}": lambda row: _interval(row.evaluation.without_leaving_step.R_traj, 1),
        "diversity": lambda row: _interval(row.evaluation.diversity, 2),
        "novelty (bits)": lambda row: _interval(row.evaluation.novelty, 1),
        "CV_turn": lambda row: _share(row.evaluation.cv_turn),
        "MCD": lambda row: _share(row.evaluation.mcd),
        "Gini": lambda row: _plain(row.evaluation.gini, 2),
        "repeats": lambda row: _plain(row.evaluation.repeats, 2),
        "ms, one session": lambda row: (milliseconds(_fact(row, "ms_alone")), _fact(row, "ms_alone")),
        "steps or updates": _budget,
        "training": _training,
    }
    rows = tuple((row.label, tuple(cell(row) for cell in columns.values())) for row in table.rows)
    return PlainTable(
        "Beyond the return", ("agent", *columns), rows,
        "Diversity is 1 - similarity of content within a session; novelty is -log2 of an item's share of the training "
        "ratings; CV_turn is distinct items per recommendation; MCD is the share of recommendations from the genres "
        "that hold 80% of the training ratings; Gini is of exposure over the catalogue. Milliseconds are the median "
        "of decisions for one session; training is the wall time of one run.",
    )  # fmt: skip


def modes(env: EnvResults) -> PlainTable | None:
    """Len, R_each and R_traj in the further modes of evaluation, where there are any."""
    named = list(dict.fromkeys(mode for run in env.runs for mode in run.job.modes))
    if not named:
        return None
    rows = []
    for row in env.table.rows:
        runs = [run for run in env.runs if run.job.entrant.label == row.label]
        cells: list[Cell] = []
        for mode in named:
            pooled = Pooled.of([run.in_mode(mode) for run in runs])
            cells += [_interval(pooled.Len, 1), _interval(pooled.R_each, 2), _interval(pooled.R_traj, 1)]
        rows.append((row.label, tuple(cells)))
    columns = tuple(f"{mode} {name}" for mode in named for name in ("Len", "R_each", "R_traj"))
    return PlainTable(
        "Other modes of evaluation", ("agent", *columns), tuple(rows),
        "FB: items may be shown again. NX_k: no item twice, nobody leaves, every session has exactly k steps. The "
        "other tables are NX_0: no item twice, and users leave as they like. Where a retriever offers items, it offers "
        "none that was shown, so that FB is NX_0 there.",
    )  # fmt: skip


def _interval(value: Interval, digits: int) -> Cell:
    return with_interval(value, digits), value.mean


def _share(value: float) -> Cell:
    return f"{number(value * 100, 1)}%", value


def _plain(value: float, digits: int) -> Cell:
    return number(value, digits), value


def _fact(row: Row, name: str) -> float:
    facts = row.evaluation.facts if isinstance(row.evaluation, Pooled) else {}
    return facts.get(name, np.nan)


def _budget(row: Row) -> Cell:
    steps, updates = _fact(row, "timesteps"), _fact(row, "updates")
    count = steps if steps > 0 else updates
    if not count > 0:
        return "none", 0.0
    return f"{count:,.0f} {'steps' if steps > 0 else 'updates'}", count


def _training(row: Row) -> Cell:
    seconds = _fact(row, "training_seconds")
    return (duration(seconds), seconds) if seconds > 0 else ("none", 0.0)
