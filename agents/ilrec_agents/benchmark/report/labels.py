"""Labels beside points that do not cover each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ilrec_agents.benchmark.report.style import SIZE, halo

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Box = tuple[float, float, float, float]  # left, bottom, right, top in pixels

_AROUND = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))
_BETWEEN = tuple((dx, dy) for x, y in ((1, 0.5), (0.5, 1)) for dx in (x, -x) for dy in (y, -y))
_PLACES = [
    *((reach * dx, reach * dy) for reach in (9, 20) for dx, dy in _AROUND),
    *((reach * dx, reach * dy) for reach in (34, 52, 72, 96, 124) for dx, dy in (*_AROUND, *_BETWEEN)),
]  # in points
_NEAR = len(_AROUND)


def place_labels(
    axes: Axes, points: Sequence[tuple[float, float]], labels: Sequence[str], colours: Sequence[str]
) -> None:
    """Write every label at the first free place around its point; far ones get a thin line to it."""
    figure: Any = axes.figure
    figure.draw_without_rendering()
    scale = figure.dpi / 72
    frame: Any = axes.get_window_extent().extents
    at = axes.transData.transform(np.asarray(points, np.float64))
    taken = [(x - 5 * scale, y - 5 * scale, x + 5 * scale, y + 5 * scale) for x, y in at]
    for k in np.argsort(-at[:, 1], kind="stable"):
        size = (len(labels[k]) * SIZE * 0.62 * scale, SIZE * 1.25 * scale)
        boxes = [_box(at[k], (dx * scale, dy * scale), size) for dx, dy in _PLACES]
        best = int(np.argmin([_cost(box, k, at, taken, frame) for box in boxes]))
        taken.append(boxes[best])
        _write(axes, points[k], labels[k], colours[k], _PLACES[best], far=best >= _NEAR)


def _write(
    axes: Axes, point: tuple[float, float], text: str, colour: str, shift: tuple[float, float], far: bool
) -> None:
    dx, dy = shift
    line = {"arrowstyle": "-", "color": colour, "linewidth": 0.7, "alpha": 0.6, "shrinkB": 5}
    axes.annotate(
        text,
        point,
        xytext=shift,
        textcoords="offset points",
        fontsize=SIZE - 1,
        color=colour,
        path_effects=halo(),
        zorder=5,
        ha="left" if dx > 0 else "right" if dx < 0 else "center",
        va="bottom" if dy > 0 else "top" if dy < 0 else "center",
        arrowprops=line if far else None,
    )


def _box(point: np.ndarray, shift: tuple[float, float], size: tuple[float, float]) -> Box:
    x, y = (
        centre + move - (0 if move > 0 else extent if move < 0 else extent / 2)
        for centre, move, extent in zip(point, shift, size, strict=True)
    )
    return x, y, x + size[0], y + size[1]


def _cost(box: Box, k: int, at: np.ndarray, taken: Sequence[Box], frame: Box) -> float:
    """What speaks against a place, in square pixels: what it covers, leaves, or seems to belong to."""
    left, bottom, right, top = box
    nearest = np.clip(at[k], (left, bottom), (right, top))  # the text's corner or edge that points at its point
    distance = np.hypot(*(at - nearest).T)
    misleads = bool((np.delete(distance, k) <= distance[k]).any())
    area = (right - left) * (top - bottom)
    outside = area - _overlap(box, frame)
    return 4 * sum(_overlap(box, other) for other in taken) + 3 * outside + 0.3 * area * misleads + float(distance[k])


def _overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
