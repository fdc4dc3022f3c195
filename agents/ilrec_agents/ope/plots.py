"""Estimates with their intervals against the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ilrec_agents.benchmark.report import style
from ilrec_agents.benchmark.report.style import FAINT, INK, SIZE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ilrec_agents.ope.results import Estimate, Study

HOLDS, MISSES = "#0072B2", "#D55E00"
FEW = 4
"""More targets than these are shown as points."""
AROUND = 0.4
"""How far the picture goes to both sides of the truth, times the truth; what lies beyond is an arrow."""


def picture(study: Study) -> Figure:
    """Every estimate with its interval, or all errors at a glance where there are many targets."""
    return estimates(study) if len({e.target for e in study.estimates}) <= FEW else errors(study)


def errors(study: Study) -> Figure:
    """One column per horizon; in it a line per estimator, on which each target is a point at its error."""
    names = list(dict.fromkeys(e.estimator for e in study.estimates))
    horizons = list(dict.fromkeys(e.horizon for e in study.estimates))
    figure = style.new_figure(3.6 * len(horizons) + 1.2, 0.36 * len(names) + 1.9)
    grid = figure.subplots(1, len(horizons), squeeze=False, sharey=True)[0]
    for axes, horizon in zip(grid, horizons, strict=True):
        axes.axvline(0, color=INK, linewidth=1.5, zorder=1)
        for e in (e for e in study.estimates if e.horizon == horizon):
            _point(axes, names.index(e.estimator), e)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(-100 * AROUND, 100 * AROUND)
        style.tidy(axes, f"{horizon} steps", x="error, in percent of the truth", grid="x")
    style.legend_below(figure, [handle for handle in _handles(grid[0]) if handle.get_marker() not in ("", "None")])
    return figure


def _point(axes: Axes, y: int, e: Estimate) -> None:
    error = 100 * e.error / abs(e.truth.mean) if e.truth.mean else np.nan
    if not np.isfinite(error):
        return
    inside = abs(error) <= 100 * AROUND
    mark = ("o" if e.holds else "D") if inside else (">" if error > 0 else "<")
    colour, x = HOLDS if e.holds else MISSES, np.clip(error, -100 * AROUND, 100 * AROUND)
    axes.plot(x, y, mark, color=colour, alpha=0.6, markersize=6, zorder=3, clip_on=False)


def estimates(study: Study) -> Figure:
    """One row per target, one column per horizon; in each, a line per estimator."""
    targets = list(dict.fromkeys(e.target for e in study.estimates))
    horizons = list(dict.fromkeys(e.horizon for e in study.estimates))
    lines = len(dict.fromkeys(e.estimator for e in study.estimates))
    figure = style.new_figure(3.6 * len(horizons) + 1.2, (0.3 * lines + 1.1) * len(targets) + 0.6)
    grid = figure.subplots(len(targets), len(horizons), squeeze=False)
    for axes, (key, group) in zip(grid.ravel(), study.groups.items(), strict=True):
        _panel(axes, group, study.logged[key[1]].mean)
    for axes in grid[-1]:
        axes.set_xlabel("return", fontsize=SIZE, color=FAINT)
    style.legend_below(figure, _handles(grid[0, 0]))
    return figure


def _panel(axes: Axes, group: list[Estimate], logged: float) -> None:
    first = group[0]
    reach = AROUND * max(abs(first.truth.mean), abs(logged))
    left, right = first.truth.mean - reach, first.truth.mean + reach
    axes.axvline(first.truth.mean, color=INK, linewidth=1.5, zorder=1)
    axes.axvline(logged, color=FAINT, linewidth=1.2, linestyle=(0, (3, 2)), zorder=1)
    for y, e in enumerate(group):
        if not np.isfinite(e.value.mean):
            axes.text(left + reach / 20, y, "not defined", va="center", fontsize=SIZE - 3, color=FAINT)
            continue
        colour = HOLDS if e.holds else MISSES
        ends = np.clip([e.value.low, e.value.high], left, right)
        axes.plot(ends, [y, y], color=colour, alpha=0.4, linewidth=3, solid_capstyle="round", zorder=2)
        inside = left <= e.value.mean <= right
        mark = ("o" if e.holds else "D") if inside else (">" if e.value.mean > right else "<")
        axes.plot(np.clip(e.value.mean, left, right), y, mark, color=colour, markersize=6, zorder=3, clip_on=False)
    axes.set_yticks(range(len(group)), [e.estimator for e in group])
    axes.set_ylim(len(group) - 0.5, -0.5)
    axes.set_xlim(left, right)
    rests = f"{first.effective_sessions:,.0f}" if first.effective_sessions >= 10 else f"{first.effective_sessions:.1f}"
    style.tidy(axes, f"{first.target}, {first.horizon} steps", grid="x")
    axes.set_title(axes.get_title(loc="left"), loc="left", fontsize=SIZE - 1, color=INK, fontweight="bold", pad=16)
    axes.text(0, 1.02, f"weights worth {rests} sessions", transform=axes.transAxes, fontsize=SIZE - 3, color=FAINT)


def _handles(axes: Axes) -> list[Any]:
    from ilrec_gym.errors import require

    line = require("matplotlib.lines", "report").Line2D
    return [
        line([], [], color=INK, linewidth=1.5, label="truth"),
        line([], [], color=FAINT, linewidth=1.2, linestyle=(0, (3, 2)), label="logged return"),
        line([], [], color=HOLDS, marker="o", linewidth=3, label="interval meets the truth's"),
        line([], [], color=MISSES, marker="D", linewidth=3, label="it does not"),
    ]
