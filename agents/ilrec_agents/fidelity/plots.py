"""The pictures of a fidelity report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ilrec_agents.benchmark.report import style
from ilrec_agents.benchmark.report.numbers import number
from ilrec_agents.benchmark.report.style import COLOURS, FAINT, INK, SIZE
from ilrec_agents.fidelity.agreement import Agreement
from ilrec_agents.fidelity.histogram import ALL, REAL, SAME, Histogram
from ilrec_agents.fidelity.ladder import CHANCE, POLICIES, Ladder
from ilrec_gym.errors import require
from ilrec_gym.evaluation import metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = {"chance": "#9AA5B1", "list": "#D55E00", "personal": "#0072B2", "oracle": COLOURS["sees truth"]}
KIND_NAMES = {"chance": "chance", "list": "one list for all", "personal": "user's profile", "oracle": "hidden truth"}
MARKS = {"chance": "v", "list": "s", "personal": "o", "oracle": "^"}
_ACROSS = 3  # panels in a row


def ladders(found: dict[str, Ladder]) -> Figure:
    """The return of every rung, one panel per user model, each on its own scale."""
    figure, panels = _panels(len(found), 0.27 * len(POLICIES) + 0.9)
    for axes, (label, ladder) in zip(panels, found.items(), strict=False):
        names = list(ladder.evaluations)
        axes.axvline(ladder.mean(CHANCE).mean, color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        for y, name in enumerate(names):
            value, colour = ladder.mean(name), KINDS[POLICIES[name]]
            axes.plot([value.low, value.high], [y, y], color=colour, linewidth=3, alpha=0.35, zorder=2)
            axes.plot(value.mean, y, MARKS[POLICIES[name]], color=colour, markersize=6, zorder=3)
            look: dict[str, Any] = {"xytext": (7, 0), "textcoords": "offset points", "va": "center"}
            axes.annotate(
                number(value.mean, 0),
                (max(value.mean, np.nan_to_num(value.high)), y),
                fontsize=SIZE - 2,
                color=INK,
                **look,
            )
        style.tidy(axes, label, x="R_traj", grid="x")
        axes.set_yticks(range(len(names)), names, fontsize=SIZE - 2)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.margins(x=0.16)
    style.legend_below(figure, _handles())
    return figure


def lengths(found: dict[str, Ladder]) -> Figure:
    """The share of sessions that still run, by step, one panel per user model."""
    figure, panels = _panels(len(found), 3.0)
    dashes = ["-", (0, (5, 2)), (0, (1, 1.5))]
    for axes, (label, ladder) in zip(panels, found.items(), strict=False):
        used: dict[str, int] = {}
        for name, evaluation in ladder.evaluations.items():
            kind = POLICIES[name]
            look: dict[str, Any] = {
                "color": KINDS[kind],
                "linestyle": dashes[used.setdefault(kind, 0) % 3],
                "linewidth": 1.6,
            }
            used[kind] += 1
            alive = np.append(metrics.survival(evaluation.log), 0.0)
            axes.plot(np.arange(1, len(alive) + 1), alive * 100, drawstyle="steps-post", **look)
        style.tidy(axes, label, x="step of the session", y="% still there")
        axes.set_ylim(0, 103)
    style.legend_below(figure, _handles(lines=True))
    return figure


def ratings(found: Histogram) -> Figure:
    """Shares of ratings: real, simulated for the same pairs, and over the catalogue."""
    figure = style.new_figure(10.4, 4.0)
    axes = figure.subplots()
    colours = {REAL: "#9AA5B1", SAME: "#0072B2", ALL: "#56B4E9"}
    places = np.arange(len(found.levels))
    for k, (source, shares) in enumerate(found.shares.items()):
        axes.bar(places + (k - 1) * 0.27, shares * 100, 0.25, color=colours[source], label=source)
    axes.set_xticks(places, [f"{level:g}" for level in found.levels])
    style.tidy(axes, "Ratings, real and simulated", x="rating", y="% of ratings", grid="y")
    style.legend_below(figure, axes.get_legend_handles_labels()[0])
    return figure


def orders(found: Sequence[Agreement]) -> Figure:
    """How well each user's order is met: shares of users by concordance, the model beside item means."""
    figure = style.new_figure(10.4, 3.8)
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    edges = np.linspace(0, 1, 26)
    for axes, one in zip(panels, found, strict=True):
        for values, colour, name in ((one.per_user_baseline.values, "#9AA5B1", "item mean"),
                                     (one.per_user.values, "#0072B2", "model")):  # fmt: skip
            shares = np.histogram(values, edges)[0] / len(values) * 100
            axes.stairs(shares, edges, color=colour, linewidth=2, label=name)
            axes.axvline(values.mean(), color=colour, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.axvline(0.5, color=FAINT, linewidth=0.8)
        title = "The preference model's recipe" if one.name == "truth" else "The public factors"
        style.tidy(axes, title, x="concordance with the user's order", y="% of users")
    style.legend_below(figure, panels[0].get_legend_handles_labels()[0])
    return figure


def _panels(n: int, height: float) -> tuple[Figure, list[Axes]]:
    across = min(n, _ACROSS)
    down = -(-n // across)
    figure = style.new_figure(max(5.6, 4.4 * across), height * down + 0.6)
    panels = list(figure.subplots(down, across, squeeze=False).flat)
    for axes in panels[n:]:
        axes.set_axis_off()
    return figure, panels[:n]


def _handles(lines: bool = False) -> list[Any]:
    line = require("matplotlib.lines", "report").Line2D
    return [
        line([], [], color=colour, linewidth=2 if lines else 0, marker="" if lines else MARKS[kind],
             label=KIND_NAMES[kind])
        for kind, colour in KINDS.items()
    ]  # fmt: skip
