"""Draws the method in one picture, as SVG: wide for a screen, tall for a phone.

``python docs/_ext/method_picture.py`` writes ``docs/_static/method.svg``, which README shows.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

# name: (what it is, in a few words, the part of the method that it belongs to)
BOXES = {
    "logs": ("Rating logs", "MovieLens, or your own", "simulate"),
    "preferences": ("Preference model", "who likes what", "simulate"),
    "environment": ("Environment", "viewers tire and leave", "simulate"),
    "teacher": ("LLM teacher", "plays, and says why", "teach"),
    "journal": ("Journal", "every session, as played", "teach"),
    "demonstrations": ("Demonstrations", "a d3rlpy dataset", "teach"),
    "reward": ("Reward model", "inverse RL against a log", "learn"),
    "relabelled": ("Relabelled dataset", "its rewards are learned", "learn"),
    "agent": ("Offline agent", "small, fast, no LLM", "learn"),
    "evaluation": ("Evaluation", "viewers never seen before", "judge"),
    "report": ("Report", "table, picture, page", "judge"),
}
ARROWS = [
    ("logs", "preferences"),
    ("preferences", "environment"),
    ("environment", "teacher"),
    ("teacher", "environment"),
    ("teacher", "journal"),
    ("journal", "demonstrations"),
    ("demonstrations", "reward"),
    ("reward", "relabelled"),
    ("relabelled", "agent"),
    ("agent", "evaluation"),
    ("evaluation", "report"),
]
# Where each box stands (column, row). Boxes with an arrow between them share a row or a column.
WIDE = {
    "logs": (0, 0), "preferences": (1, 0), "environment": (2, 0), "teacher": (3, 0),
    "relabelled": (0, 1), "reward": (1, 1), "demonstrations": (2, 1), "journal": (3, 1),
    "agent": (0, 2), "evaluation": (1, 2), "report": (2, 2),
}  # fmt: skip
TALL = {
    "logs": (0, 0), "preferences": (1, 0),
    "teacher": (0, 1), "environment": (1, 1),
    "journal": (0, 2), "demonstrations": (1, 2),
    "relabelled": (0, 3), "reward": (1, 3),
    "agent": (0, 4), "evaluation": (1, 4),
    "report": (1, 5),
}  # fmt: skip
LEGENDS = {"wide": (3, 2), "tall": (0, 5)}
PARTS = {"simulate": "Simulate", "teach": "Teach", "learn": "Learn", "judge": "Judge"}
WIDTH, HEIGHT, GAP_X, GAP_Y, EDGE = 184, 62, 34, 34, 4

LIGHT = {
    "ink": "#1f2430", "faint": "#5c6473", "line": "#8a93a3",
    "simulate": "#e3f0ff #2f6fb7", "teach": "#fff0d9 #b36b00", "learn": "#e2f6ea #1f8a52", "judge": "#f0e8fb #7446b8",
}  # fmt: skip
DARK = {
    "ink": "#eef1f6", "faint": "#aab3c2", "line": "#7d8797",
    "simulate": "#14304f #6cb0f5", "teach": "#40300f #f0b35a", "learn": "#123a27 #5fce92", "judge": "#2f2147 #b794f0",
}  # fmt: skip


def svg(shape: str) -> str:
    """The picture, ``"wide"`` or ``"tall"``; both may stand on one page."""
    places, name = {"wide": WIDE, "tall": TALL}[shape], f"method-{shape}"
    columns = 1 + max(column for column, _ in places.values())
    rows = 1 + max(row for _, row in places.values())
    width = columns * (WIDTH + GAP_X) - GAP_X + 2 * EDGE
    height = rows * (HEIGHT + GAP_Y) - GAP_Y + 2 * EDGE
    return "\n".join(
        [
            f'<svg class="method" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
            f'aria-labelledby="{name}-title">',
            f'<title id="{name}-title">{escape(in_words())}</title>',
            f"<style>{_style()}</style>",
            f'<defs><marker id="{name}-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto-start-reverse"><path class="tip" d="M0 0.5 L8 4 L0 7.5 z"/></marker></defs>',
            *(_arrow(places, start, end, name) for start, end in ARROWS),
            *(_box(box, places[box]) for box in places),
            *_legend(LEGENDS[shape]),
            "</svg>",
        ]
    )


def in_words() -> str:
    """What the picture shows, for those who cannot see it."""
    parts = [f"{BOXES[start][0]} to {BOXES[end][0]}" for start, end in ARROWS]
    return "The method: " + ", ".join(parts) + "."


def _corner(place: tuple[int, int]) -> tuple[int, int]:
    return EDGE + place[0] * (WIDTH + GAP_X), EDGE + place[1] * (HEIGHT + GAP_Y)


def _box(box: str, place: tuple[int, int]) -> str:
    title, words, part = BOXES[box]
    x, y = _corner(place)
    middle = x + WIDTH // 2
    return (
        f'<g class="{part}"><rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="10"/>'
        f'<text class="name" x="{middle}" y="{y + 27}">{escape(title)}</text>'
        f'<text class="words" x="{middle}" y="{y + 46}">{escape(words)}</text></g>'
    )


def _legend(place: tuple[int, int]) -> list[str]:
    x, y = _corner(place)
    lines = []
    for number, (part, words) in enumerate(PARTS.items()):
        left, top = x + 12 + WIDTH // 2 * (number % 2), y + 12 + 26 * (number // 2)
        lines.append(
            f'<g class="{part}"><rect x="{left}" y="{top}" width="14" height="14" rx="4"/>'
            f'<text class="words key" x="{left + 21}" y="{top + 11.5}">{words}</text></g>'
        )
    return lines


def _arrow(places: dict[str, tuple[int, int]], start: str, end: str, name: str) -> str:
    (x0, y0), (x1, y1) = _corner(places[start]), _corner(places[end])
    # There and back again are two lines side by side.
    aside = 0 if (end, start) not in ARROWS else -9 if start < end else 9
    if y0 == y1:
        y = y0 + HEIGHT // 2 + aside
        ends = (x0 + WIDTH + 2, y, x1 - 3, y) if x0 < x1 else (x0 - 2, y, x1 + WIDTH + 3, y)
    else:
        x = x0 + WIDTH // 2 + aside
        ends = (x, y0 + HEIGHT + 2, x, y1 - 3) if y0 < y1 else (x, y0 - 2, x, y1 + HEIGHT + 3)
    return '<line x1="{}" y1="{}" x2="{}" y2="{}" marker-end="url(#{}-tip)"/>'.format(*ends, name)


def _style() -> str:
    rules = [
        "svg.method text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}",
        "svg.method text:not(.key){text-anchor:middle}",
        "svg.method .name{font-size:15px;font-weight:600;fill:var(--ink)}",
        "svg.method .words{font-size:12.5px;fill:var(--faint)}",
        "svg.method line{stroke:var(--line);stroke-width:1.6}",
        "svg.method .tip{fill:var(--line)}",
    ]
    for part in PARTS:
        rules.append(f"svg.method .{part} rect{{fill:var(--{part});stroke:var(--{part}-edge);stroke-width:1.5}}")
    # The reader's system decides, and on the site the theme's own switch overrules it.
    dark = _colours(DARK)
    rules += [
        f"svg.method{{{_colours(LIGHT)}}}",
        f"@media(prefers-color-scheme:dark){{body:not([data-theme=light]) svg.method,svg.method:root{{{dark}}}}}",
        f"body[data-theme=dark] svg.method{{{dark}}}",
    ]
    return "".join(rules)


def _colours(theme: dict[str, str]) -> str:
    parts = []
    for name, value in theme.items():
        fill, _, edge = value.partition(" ")
        parts.append(f"--{name}:{fill}" + (f";--{name}-edge:{edge}" if edge else ""))
    return ";".join(parts)


if __name__ == "__main__":
    target = Path(__file__).parents[1] / "_static" / "method.svg"
    target.write_text(svg("wide") + "\n", encoding="utf-8")
    print(target)
