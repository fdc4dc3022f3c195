"""The pictures of a benchmark that need its runs: learning curves, performance profiles, how sessions end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ilrec_agents.benchmark.report import style
from ilrec_agents.benchmark.report.plots import telling_rows
from ilrec_agents.benchmark.report.pooled import Pooled
from ilrec_agents.benchmark.report.style import COLOURS, FAINT, INK, SIZE, role

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ilrec_agents.benchmark.report.table import ResultsTable, Row

Points = Sequence[Mapping[str, float]]
_DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
_ACROSS, _MANY = 3, 9  # panels in a row, one more where there are more than so many
_REASONS = ("#4C78A8", "#E0A030", "#9AA5B1", "#7D5A96", "#57A773", "#C44E52", "#BFC7CF")


def learning_curves(
    table: ResultsTable, curves: Mapping[str, Sequence[Points]], references: Mapping[str, float]
) -> Figure:
    """R_traj with the same few train users along learning: one panel per agent, one thin line per seed, their mean.

    Args:
        table: The table, for colours.
        curves: Per label one list of points per seed.
        references: What rules get with the same users, drawn as lines.
    """
    labels = sorted(curves, key=lambda label: -table.row(label).evaluation.R_traj.mean)
    across = min(_ACROSS + (len(labels) > _MANY), len(labels))
    down = -(-len(labels) // across)
    figure = style.new_figure(10.4, (2.1 if across > _ACROSS else 2.5) * down + 0.7)
    panels = figure.subplots(down, across, sharey=True, squeeze=False).ravel()
    handles = []
    # The baseline is dashed, as in the other pictures.
    for k, (name, value) in enumerate(sorted(references.items(), key=lambda item: item[0] != table.baseline)):
        look: dict[str, Any] = {"color": INK, "linewidth": 1, "alpha": 0.7, "label": name}
        for axes in panels[: len(labels)]:
            line = axes.axhline(value, linestyle=_DASHES[1 + k % 3], **look)
        handles.append(line)
    for axes, label in zip(panels, labels, strict=False):
        _curve(axes, label, curves[label], COLOURS[role(table.row(label))], first=axes in panels[::across])
    for axes in panels[len(labels) :]:
        axes.set_visible(False)
    if handles:
        style.legend_below(figure, handles)
    return figure


def profiles(table: ResultsTable, low: str, high: str, limit: int = 7) -> Figure:
    """Performance profiles: the share of runs and users above a score, 0 being the row ``low`` and 1 ``high``."""
    start, end = (table.row(name).evaluation.per_user("R_traj") for name in (low, high))
    grid = np.linspace(-0.2, 1.6, 91)
    best = sorted((row for row in table.rows if row.label != low), key=lambda row: -row.evaluation.R_traj.mean)
    chosen = {row.label for row in telling_rows(table, limit)}
    figure = style.new_figure(10.4, 5.0)
    axes, seen, handles = figure.subplots(), dict[str, int](), []
    for row in (row for row in best if row.label in chosen):
        assert isinstance(row.evaluation, Pooled)
        found, colour = row.evaluation.profile(grid, start, end), COLOURS[role(row)]
        dashes = _DASHES[seen.setdefault(role(row), 0) % 4]
        seen[role(row)] += 1
        axes.fill_between(grid, found.low * 100, found.high * 100, color=colour, alpha=0.1, linewidth=0)
        look: dict[str, Any] = {"color": colour, "linestyle": dashes, "linewidth": 1.8, "label": row.label}
        handles += axes.plot(grid, found.share * 100, **look)
    axes.axhline(50, color=FAINT, linewidth=0.8, linestyle=_DASHES[2])
    style.tidy(
        axes, "How often is a score reached?", x=f"normalised score: 0 is {low}, 1 is {high} (mean returns)",
        y="% of runs and users above it",
    )  # fmt: skip
    axes.set_ylim(0, 102)
    axes.set_xlim(grid[0], grid[-1])
    style.legend_below(figure, handles)
    return figure


def endings(table: ResultsTable) -> Figure:
    """Why sessions ended, as shares of each row's sessions; the longest sessions on top."""
    rows: list[Row] = sorted(table.rows, key=lambda row: row.evaluation.Len.mean)
    reasons = list(dict.fromkeys(reason for row in reversed(rows) for reason in row.evaluation.exit_reasons))
    figure = style.new_figure(10.4, 0.32 * len(rows) + 1.4)
    axes, left = figure.subplots(), np.zeros(len(rows))
    handles = []
    for reason, colour in zip(reasons, _REASONS * (1 + len(reasons) // len(_REASONS)), strict=False):
        shares = [100 * row.evaluation.exit_reasons.get(reason, 0) / row.evaluation.sessions for row in rows]
        handles.append(axes.barh(range(len(rows)), shares, left=left, color=colour, height=0.72, label=reason))
        left = left + shares
    style.tidy(axes, "How sessions end", x="% of sessions", grid="x")
    axes.set_yticks(range(len(rows)), [row.label for row in rows], fontsize=SIZE)
    for tick, row in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_color(COLOURS[role(row)])
    axes.set_xlim(0, 100)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    style.legend_below(figure, handles)
    return figure


def _curve(axes: Axes, label: str, runs: Sequence[Points], colour: str, first: bool) -> None:
    lines = [np.array([(point["done"], point["R_traj"]) for point in points]).T for points in runs]
    for steps, values in lines:
        axes.plot(steps, values, color=colour, linewidth=1, alpha=0.35)
    if len({len(steps) for steps, _ in lines}) == 1:
        axes.plot(lines[0][0], np.mean([values for _, values in lines], axis=0), color=colour, linewidth=2.2)
    style.tidy(axes, label, y="R_traj" if first else "")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k" if value >= 1000 else f"{value:g}")
    axes.xaxis.set_major_locator(style.require("matplotlib.ticker", "report").MaxNLocator(4))
