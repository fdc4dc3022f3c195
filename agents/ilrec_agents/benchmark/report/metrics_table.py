"""What the headline table leaves out: variety, novelty, repeats, cost, words, and other modes of evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ilrec_agents.benchmark.report.exhibits import PlainTable
from ilrec_agents.benchmark.report.numbers import MISSING, duration, milliseconds, number, with_interval
from ilrec_agents.benchmark.report.pooled import Pooled
from ilrec_agents.benchmark.report.results import EnvResults
from ilrec_agents.benchmark.report.table import ResultsTable, Row
from ilrec_gym.evaluation import Interval

Cell = tuple[str, float]


Columns = dict[str, Callable[[Row], Cell]]
_BARE: Columns = {
    "Len": lambda row: _interval(row.evaluation.without_leaving_step.Len, 1),
    "R_each": lambda row: _interval(row.evaluation.without_leaving_step.R_each, 2),
    "R_traj": lambda row: _interval(row.evaluation.without_leaving_step.R_traj, 1),
}
_VARIETY: Columns = {
    "diversity": lambda row: _interval(row.evaluation.diversity, 2),
    "novelty (bits)": lambda row: _interval(row.evaluation.novelty, 1),
    "coverage": lambda row: _share(row.evaluation.coverage),
    "CV_turn": lambda row: _share(row.evaluation.cv_turn),
    "MCD": lambda row: _share(row.evaluation.mcd),
    "Gini": lambda row: _plain(row.evaluation.gini, 2),
    "repeats": lambda row: _plain(row.evaluation.repeats, 2),
}
_COST: Columns = {
    "steps or updates": lambda row: _budget(row),
    "training": lambda row: _time(row, "training_seconds"),
    "evaluation": lambda row: _time(row, "evaluation_seconds"),
    "ms per decision, together": lambda row: _milliseconds(row.evaluation.ms_per_decision),
    "ms per decision, alone": lambda row: _milliseconds(_fact(row, "ms_alone")),
    "memory (MB)": lambda row: _plain(_fact(row, "peak_mb"), 0),
    "added (MB)": lambda row: _plain(_fact(row, "added_mb"), 0),
    "on the GPU (MB)": lambda row: _plain(_fact(row, "peak_gpu_mb"), 0),
}
_WORDS: Columns = {
    "outside": lambda row: _share(_fact(row, "outside")),
    "repeated": lambda row: _share(_fact(row, "repeated")),
    "tokens read": lambda row: _plain(_fact(row, "tokens_in"), 0),
    "tokens written": lambda row: _plain(_fact(row, "tokens_out"), 0),
    "ms, together": lambda row: _milliseconds(row.evaluation.ms_per_decision),
    "ms, alone": lambda row: _milliseconds(_fact(row, "ms_alone")),
}


def beyond(table: ResultsTable) -> list[PlainTable]:
    """The other metrics, row by row: headline without the leaving step, variety, cost."""
    return [
        _table(
            "Without the leaving step", _BARE, table.rows,
            "The same sessions, without the step that made a user leave.",
        ),
        _table(
            "Variety", _VARIETY, table.rows,
            "Diversity is 1 - similarity of content within a session; novelty is -log2 of an item's share of the "
            "training ratings; CV_turn is distinct items per recommendation; MCD is the share of recommendations from "
            "the genres that hold 80% of the training ratings; Gini is of exposure over the catalogue; repeats are "
            "per session.",
        ),
        _table(
            "Cost", _COST, table.rows,
            "Training and evaluation are the wall time of one run, in a process with one thread beside others. "
            "Decisions are made for all test users together, until the last has left (those who have left before are "
            "asked for, too, but not counted), or (the median) for one session alone. Memory is the "
            "most that the process held at once during the run, loaded libraries among it; added is what that is above "
            "what it held when the run began.",
        ),
    ]  # fmt: skip


def words(table: ResultsTable) -> PlainTable | None:
    """What a decision takes of those who put it into words, where there are any."""
    rows = [row for row in table.rows if not np.isnan([_fact(row, name) for name in ("tokens_in", "outside")]).all()]
    return None if not rows else _table(
        "Decisions in words", _WORDS, rows,
        "Means over decisions. Outside: proposals that are no title of the catalogue; repeated: titles that the "
        "session has shown already; another film is recommended then. Tokens read are new ones: what a session has "
        "read is kept. A server is sent whole texts, and the tokens are those that it counts, if it does. "
        "Decisions are made for all test users together, or (the median) for one session alone.",
    )  # fmt: skip


def _table(heading: str, columns: Columns, shown: Sequence[Row], note: str) -> PlainTable:
    rows = tuple((row.label, tuple(cell(row) for cell in columns.values())) for row in shown)
    return PlainTable(heading, ("agent", *columns), rows, note)


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
        "other tables are NX_0: users leave as they like, and no item is shown twice (but by agents that heed no mask, "
        "as `random`). Where a retriever offers items, it offers none that was shown, so that FB is NX_0 there.",
    )  # fmt: skip


def _interval(value: Interval, digits: int) -> Cell:
    return with_interval(value, digits), value.mean


def _share(value: float) -> Cell:
    text = number(value * 100, 1)
    return text if text == MISSING else f"{text}%", value


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


def _time(row: Row, name: str) -> Cell:
    seconds = _fact(row, name)
    return (duration(seconds), seconds) if seconds > 0 else ("none", 0.0)


def _milliseconds(value: float) -> Cell:
    return milliseconds(value), value
