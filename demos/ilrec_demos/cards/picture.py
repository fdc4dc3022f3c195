"""The picture on a dataset's card: how long sessions are, what they return, and why viewers left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.benchmark.report import style
from ilrec_demos.journal import Session
from ilrec_gym.errors import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOUR = "#0072B2"
_BINS = 20


def picture(sessions: Sequence[Session]) -> Figure:
    """Three panels: lengths, returns, ends."""
    figure = style.new_figure(9.6, 2.9)
    lengths, returns, ends = figure.subplots(1, 3)
    steps, totals = [len(session) for session in sessions], [session.total for session in sessions]
    width = -(-(max(steps) - min(steps) + 1) // _BINS)  # whole steps, so that no bin stays empty for want of a length
    _histogram(lengths, steps, np.arange(min(steps) - 0.5, max(steps) + width, width), "Lengths", "steps")
    low, high = min(totals), max(totals)
    edges = np.linspace(low, high, _BINS + 1) if high > low else np.array([low - 0.5, high + 0.5])
    _histogram(returns, totals, edges, "Returns", "sum of ratings")
    _bars(ends, Counter(session.exit_reason or "horizon" for session in sessions))
    return figure


def _histogram(axes: Axes, values: Sequence[float], edges: NDArray[np.floating], title: str, unit: str) -> None:
    axes.hist(values, bins=list(edges), color=_COLOUR, edgecolor="white", linewidth=0.6)
    axes.axvline(float(np.mean(values)), color=style.INK, linewidth=1.4)
    axes.yaxis.set_major_locator(require("matplotlib.ticker", "report").MaxNLocator(5, integer=True))
    style.tidy(axes, title, x=f"{unit}; line: mean {np.mean(values):.1f}", y="sessions", grid="y")


def _bars(axes: Axes, counts: Counter[str]) -> None:
    names = sorted(counts, key=lambda name: (-counts[name], name))
    axes.barh(range(len(names)), [counts[name] for name in names], color=_COLOUR, height=0.6)
    for y, name in enumerate(names):
        axes.text(counts[name], y, f" {counts[name]}", va="center", fontsize=style.SIZE - 1, color=style.INK)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(max(len(names), 3) - 0.5, -0.5)
    axes.margins(x=0.18)
    style.tidy(axes, "Why sessions ended", x="sessions", grid="x")
