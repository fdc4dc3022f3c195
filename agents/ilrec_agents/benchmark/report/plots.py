"""The pictures of a results table: who earns how much, by which way, and how sessions go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ilrec_agents.benchmark.report import style
from ilrec_agents.benchmark.report.labels import place_labels
from ilrec_agents.benchmark.report.numbers import number
from ilrec_agents.benchmark.report.style import COLOURS, FAINT, INK, MARKERS, SIZE, role
from ilrec_gym.errors import require
from ilrec_gym.evaluation import Interval, metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ilrec_agents.benchmark.report.table import ResultsTable, Row


_CROWD = 16  # more rows than these need room, and fainter intervals
ISOLINE: dict[str, Any] = {"color": "#AEB8C2", "linewidth": 1, "linestyle": (0, (2, 3))}


def ladder(table: ResultsTable, yardsticks: Sequence[str] = ()) -> Figure:
    """Every row's R_traj with its interval, best first within each group, and beside it the paired difference.

    Args:
        table: The table.
        yardsticks: Labels of rows whose mean is drawn through the picture, besides the baseline's.
    """
    places = _places(table)
    figure = style.new_figure(10.4, 0.36 * len(places) + 1.5)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[5, 4])
    base = table.row(table.baseline).evaluation.R_traj.mean
    left.axvline(base, color=INK, linewidth=1.1, linestyle=(0, (4, 3)), zorder=1)
    right.axvline(0, color=INK, linewidth=1.1, linestyle=(0, (4, 3)), zorder=1)
    for name in yardsticks:
        if name != table.baseline:
            for axes, value in (
                (left, table.row(name).evaluation.R_traj.mean),
                (right, table.difference(name, table.baseline).mean),
            ):
                axes.axvline(value, color=FAINT, linewidth=1, linestyle=(0, (1, 2)), zorder=1)
                look: dict[str, Any] = {"xytext": (3, -1), "textcoords": "offset points", "va": "top"}
                axes.annotate(name, (value, -0.6), fontsize=SIZE - 2, color=FAINT, **look)
    for y, place in enumerate(places):
        if isinstance(place, str):
            look = {
                "fontsize": SIZE,
                "color": FAINT,
                "style": "italic",
                "fontweight": "bold",
                "ha": "right",
                "va": "center",
            }
            left.text(-0.012, y, place, transform=left.get_yaxis_transform(), **look)
            continue
        _whisker(left, y, place.evaluation.R_traj, role(place), digits=0)
        difference = table.differences[place.label]
        if difference is None:
            _note(right, (0, y), "baseline", color=FAINT, style="italic")
        else:
            _whisker(
                right, y, difference, role(place), digits=0, signed=True, faded=difference.verdict == "not separated"
            )
    style.tidy(left, "Return per session (R_traj)", x="mean over users, with 95% interval", grid="x")
    style.tidy(right, f"Difference to {table.baseline}", x="paired by user; hollow: not separated from 0", grid="x")
    _name_rows(left, places)
    left.set_ylim(len(places) - 0.4, -0.6)
    for axes in (left, right):
        axes.margins(x=0.15)
    style.legend_below(figure, style.role_handles(table))
    return figure


def length_and_rating(table: ResultsTable) -> Figure:
    """Len against R_each, with lines of equal return: long sessions, or good ones, or both."""
    crowded = len(table.rows) > _CROWD
    figure = style.new_figure(10.4, 8.4 if crowded else 6.2)
    axes, faint = figure.subplots(), 0.15 if crowded else 0.45
    groups = list(table.groups)
    for row in table.rows:
        x, y, colour = row.evaluation.Len, row.evaluation.R_each, COLOURS[role(row)]
        axes.plot([x.low, x.high], [y.mean, y.mean], color=colour, linewidth=1.2, alpha=faint)
        axes.plot([x.mean, x.mean], [y.low, y.high], color=colour, linewidth=1.2, alpha=faint)
        face = colour if row.group == groups[0] else "white"
        axes.plot(
            x.mean, y.mean, MARKERS[role(row)], color=colour, markerfacecolor=face, markersize=8, markeredgewidth=1.6
        )
    style.tidy(axes, "Long sessions, or good ones?", x="Len: steps per session", y="R_each: rating per step")
    axes.margins(0.14)
    _equal_returns(axes)
    line = require("matplotlib.lines", "report").Line2D
    handles = [*style.role_handles(table), line([], [], label="equal return", **ISOLINE)]
    if len(groups) > 1:
        name = f"hollow: {' and '.join(groups[1:])}"
        handles.insert(-1, line([], [], linewidth=0, marker="o", markerfacecolor="white", color=FAINT, label=name))
    style.legend_below(figure, handles)
    points = [(row.evaluation.Len.mean, row.evaluation.R_each.mean) for row in table.rows]
    place_labels(axes, points, [row.label for row in table.rows], [COLOURS[role(row)] for row in table.rows])
    return figure


def along_the_session(
    table: ResultsTable, labels: Sequence[str] = (), *, window: int = 5, least: float = 0.1
) -> Figure:
    """Mean rating and survival along the session's steps.

    Args:
        table: The table.
        labels: The rows to draw; by default the telling ones.
        window: The rating is averaged over this many neighbouring steps.
        least: The rating is drawn while this share of the sessions still runs.
    """
    rows = [table.row(label) for label in labels] or telling_rows(table)
    figure = style.new_figure(10.4, 4.4)
    left, right = figure.subplots(1, 2)
    seen: dict[str, int] = {}
    handles = []
    for row in rows:
        name = role(row)
        dashes = ["-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2))][seen.setdefault(name, 0) % 4]
        seen[name] += 1
        look: dict[str, Any] = {"color": COLOURS[name], "linestyle": dashes, "linewidth": 1.8}
        log = row.evaluation.log
        alive = metrics.survival(log)
        steps = np.arange(1, len(alive) + 1)
        left.plot(steps[alive >= least], _smooth_rating(row, window)[alive >= least], **look)
        handles += right.plot(steps, alive * 100, drawstyle="steps-post", label=row.label, **look)
    style.tidy(left, "Rating of those still there", x="step of the session", y=f"mean over {window} steps")
    style.tidy(right, "Sessions still running", x="step of the session", y="% of sessions")
    right.set_ylim(0, 102)
    style.legend_below(figure, handles)
    return figure


def telling_rows(table: ResultsTable, limit: int = 6) -> list[Row]:
    """The rows worth a line: the baseline and the best of each role, then the next best, in the table's order."""
    best = sorted(table.rows, key=lambda row: -row.evaluation.R_traj.mean)
    first = [next((row for row in best if role(row) == name), None) for name in COLOURS]
    chosen = {row.label for row in [table.row(table.baseline), *first] if row is not None}
    for row in best:
        if len(chosen) < limit:
            chosen.add(row.label)
    return [row for row in table.rows if row.label in chosen]


def _places(table: ResultsTable) -> list[str | Row]:
    """What stands on each line: rows, best first, under their group's name where there are several groups."""
    places: list[str | Row] = []
    for group, rows in table.groups.items():
        places += [group] if len(table.groups) > 1 else []
        best_first: list[Row] = sorted(rows, key=lambda row: -row.evaluation.R_traj.mean)
        places += best_first
    return places


def _name_rows(axes: Axes, places: list[str | Row]) -> None:
    rows = [(y, place) for y, place in enumerate(places) if not isinstance(place, str)]
    axes.set_yticks([y for y, _ in rows], [row.label for _, row in rows], fontsize=SIZE)
    for tick, (_, row) in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_color(COLOURS[role(row)])


def _whisker(
    axes: Axes, y: float, value: Interval, name: str, *, digits: int, signed: bool = False, faded: bool = False
) -> None:
    """An interval as a line, its mean as the role's marker, the mean's number above the line's end."""
    colour = COLOURS[name]
    axes.plot([value.low, value.high], [y, y], color=colour, linewidth=3, alpha=0.35, solid_capstyle="round", zorder=2)
    face = "white" if faded else colour
    axes.plot(
        value.mean, y, MARKERS[name], color=colour, markerfacecolor=face, markersize=7.5, markeredgewidth=1.5, zorder=3
    )
    end = value.mean if np.isnan(value.high) else value.high
    _note(axes, (end, y), number(value.mean, digits, signed=signed), color=INK)


def _note(axes: Axes, point: tuple[float, float], text: str, **look: Any) -> None:
    """A short text to the right of a point."""
    look |= {"xytext": (7, 0), "textcoords": "offset points", "va": "center", "fontsize": SIZE - 1}
    look |= {"path_effects": style.halo()}
    axes.annotate(text, point, **look)


def _equal_returns(axes: Axes) -> None:
    """Lines on which Len x R_each is the same, labelled where they leave the picture."""
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    x0 = max(x0, 0.5)
    lengths = np.linspace(x0, x1, 200)
    levels = require("matplotlib.ticker", "report").MaxNLocator(9).tick_values(max(x0 * y0, 1.0), x1 * y1)
    for level in levels[levels > 0]:
        rating = level / lengths
        inside = (rating >= y0) & (rating <= y1)
        if inside.sum() < 2:
            continue
        axes.plot(lengths[inside], rating[inside], zorder=0, **ISOLINE)
        top = (lengths[inside][0], rating[inside][0])
        look: dict[str, Any] = {"fontsize": SIZE - 2, "color": "#8B96A1", "va": "top"}
        axes.annotate(f"{level:g}", top, xytext=(3, 0), textcoords="offset points", **look)
    axes.set_xlim(x0, x1)
    axes.set_ylim(y0, y1)


def _smooth_rating(row: Row, window: int) -> np.ndarray:
    """(T,) mean rating over the sessions and the neighbouring steps together."""
    log = row.evaluation.log
    kernel = np.ones(window)
    total = np.convolve(np.where(log.steps, log.ratings, 0.0).sum(0), kernel, "same")
    count = np.convolve(log.steps.sum(0), kernel, "same")
    width = log.items.shape[1]  # "same" pads to the longer of the two
    total, count = total[:width], count[:width]
    return np.divide(total, count, out=np.full(width, np.nan), where=count > 0)
