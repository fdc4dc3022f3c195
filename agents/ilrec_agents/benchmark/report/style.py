"""How the pictures look: a palette for colour-blind readers too, and figures that touch no global state."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from ilrec_gym.errors import require
from ilrec_gym.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ilrec_agents.benchmark.report.table import ResultsTable, Row

# From Okabe and Ito (2008), with greys for what is not in the race. A marker's shape says the same as its colour.
COLOURS = {
    "sees truth": "#009E73",
    "teacher": "#D55E00",
    "student": "#0072B2",
    "control": "#9A7BB0",
    "heuristic": "#555F6B",
    "bandit": "#CC79A7",
    "online": "#0072B2",
    "offline": "#D55E00",
    "model-based": "#B58900",
    "llm": "#9A7BB0",
    "reference": "#555F6B",
}
MARKERS = {
    "sees truth": "^", "teacher": "D", "student": "o", "control": "v", "reference": "s",
    "heuristic": "s", "bandit": "P", "online": "o", "offline": "D", "model-based": "X", "llm": "*",
}  # fmt: skip
INK, FAINT, GRID = "#1F2933", "#6B7682", "#E3E7EB"
SIZE, DPI = 11, 150


def new_figure(width: float, height: float) -> Figure:
    """A figure of its own, apart from pyplot, in inches."""
    figure = require("matplotlib.figure", "report").Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    require("matplotlib.backends.backend_agg", "report").FigureCanvasAgg(figure)
    figure.set_layout_engine("constrained", w_pad=0.06, h_pad=0.06, wspace=0.03)
    return figure


def tidy(axes: Axes, title: str, *, x: str = "", y: str = "", grid: Literal["both", "x", "y"] = "both") -> None:
    """Title to the left, no box, a faint grid behind."""
    axes.set_title(title, loc="left", fontsize=SIZE + 1, color=INK, fontweight="bold", pad=9)
    axes.set_xlabel(x, fontsize=SIZE, color=FAINT)
    axes.set_ylabel(y, fontsize=SIZE, color=FAINT)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(GRID)
    axes.tick_params(labelsize=SIZE - 1, colors=FAINT, length=0)
    axes.grid(axis=grid, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)


def role(row: Row) -> str:
    """The mark that decides a row's colour: the first one."""
    return row.marks[0] if row.marks else "reference"


def role_handles(table: ResultsTable) -> list[Any]:
    """One legend entry per role that the table has."""
    line = require("matplotlib.lines", "report").Line2D
    roles = [name for name in COLOURS if any(role(row) == name for row in table.rows)]
    return [
        line([], [], color=COLOURS[name], marker=MARKERS[name], markersize=7, linewidth=0, label=name) for name in roles
    ]


def halo() -> list[Any]:
    """A white rim that keeps text readable over lines."""
    return [require("matplotlib.patheffects", "report").withStroke(linewidth=2.5, foreground="white")]


def legend_below(figure: Figure, handles: Sequence[Any]) -> None:
    """A legend under the axes, in two rows where one would be too long."""
    long = sum(len(str(handle.get_label())) + 6 for handle in handles) > 105
    columns = -(-len(handles) // 2) if long else len(handles)
    look: dict[str, Any] = {"frameon": False, "fontsize": SIZE, "labelcolor": INK, "handletextpad": 0.5}
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, columnspacing=1.5, **look)


def png(figure: Figure) -> bytes:
    """The figure as PNG; the same figure gives the same bytes with the same matplotlib."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=DPI, metadata={"Software": None})
    return data.getvalue()


def save_png(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write the figure as PNG in one move."""
    data = png(figure)
    with replacing(path) as draft:
        draft.write_bytes(data)
