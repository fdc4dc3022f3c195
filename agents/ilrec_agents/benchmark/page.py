"""One self-contained HTML page of a run: no request leaves it, and no text of it can run as code."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from ilrec_agents.benchmark.exhibits import Artefact, Picture, ShownSession
from ilrec_agents.benchmark.findings import findings
from ilrec_agents.benchmark.numbers import milliseconds, number, significant, with_interval, with_sign
from ilrec_agents.benchmark.table import MARKS, ResultsTable, Row
from ilrec_gym.cards import versions
from ilrec_gym.errors import require
from ilrec_gym.files import replacing

FIRST_STEPS = 10  # of a session, shown before the reader asks for more


@dataclass(frozen=True)
class Page:
    """What the page holds.

    Attributes:
        title: Its heading.
        table: The results.
        lead: One or two sentences under the heading.
        pictures: In order.
        sessions: Example sessions, shown side by side; the same user makes them comparable.
        artefacts: The files of the run.
        commands: Exact commands that made it.
        versions: Package versions; by default those installed now.
        rating_scale: Lowest and highest rating.
        notes: Sentences added to the findings that the table gives.
    """

    title: str
    table: ResultsTable
    lead: str = ""
    pictures: tuple[Picture, ...] = ()
    sessions: tuple[ShownSession, ...] = ()
    artefacts: tuple[Artefact, ...] = ()
    commands: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=versions)
    rating_scale: tuple[float, float] = (0.5, 5.0)
    notes: tuple[str, ...] = ()

    def to_html(self) -> str:
        """The page as text. Needs the extra ``report``."""
        jinja = require("jinja2", "report")
        environment = jinja.Environment(
            autoescape=True,
            undefined=jinja.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        environment.filters |= {"number": number, "significant": significant, "slug": _slug}
        script, style = _part("page.js"), _part("page.css")
        return environment.from_string(_part("page.html.j2")).render(
            page=self,
            findings=[*findings(self.table), *self.notes],
            groups=[(group, [_cells(self.table, row) for row in rows]) for group, rows in self.table.groups.items()],
            columns=COLUMNS,
            meanings=MARKS,
            first_steps=FIRST_STEPS,
            width=self._width,
            # Ours and fixed, so they need no escaping; the policy lets the page run this one script and no other.
            script=jinja.utils.markupsafe.Markup(script),
            style=jinja.utils.markupsafe.Markup(style),
            script_hash=_hash(script),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page in one move."""
        text = self.to_html()
        with replacing(path) as draft:
            draft.write_text(text, encoding="utf-8")

    def _width(self, rating: float) -> str:
        """A rating as the width of a bar, in percent."""
        low, high = self.rating_scale
        return f"{100 * min(1.0, max(0.0, (rating - low) / (high - low))):.0f}"


COLUMNS = ("agent", "Len", "R_each", "R_traj", "difference", "coverage", "ms / decision", "sessions")


def _cells(table: ResultsTable, row: Row) -> dict[str, Any]:
    """A row's cells as (text, value to sort by), and its interval as a bar in percent of the widest."""
    result, difference = row.evaluation, table.differences[row.label]
    texts = [
        (with_interval(result.Len, 1), result.Len.mean),
        (with_interval(result.R_each, 2), result.R_each.mean),
        (with_interval(result.R_traj, 1), result.R_traj.mean),
        (with_sign(difference), 0.0 if difference is None else difference.mean),
        (f"{number(result.coverage * 100, 1)}%", result.coverage),
        (milliseconds(result.ms_per_decision), result.ms_per_decision),
        (str(result.sessions), result.sessions),
    ]
    top = max(_end(other) for other in table.rows) or 1.0
    value = result.R_traj
    low = value.mean if value.low != value.low else value.low
    bar = {"left": 100 * low / top, "width": 100 * (_end(row) - low) / top, "mean": 100 * value.mean / top}
    cells = [
        {"name": name, "text": text, "value": f"{v:.6g}"} for name, (text, v) in zip(COLUMNS[1:], texts, strict=True)
    ]
    return {"row": row, "cells": cells, "bar": {name: f"{max(0.0, x):.2f}" for name, x in bar.items()}}


def _end(row: Row) -> float:
    """The right end of a row's R_traj, its mean where there is no interval."""
    value = row.evaluation.R_traj
    return value.mean if value.high != value.high else value.high


def _part(name: str) -> str:
    return resources.files("ilrec_agents.benchmark").joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


def _slug(text: str) -> str:
    return text.replace(" ", "-")
