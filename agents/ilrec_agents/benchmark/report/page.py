"""One self-contained HTML page of a run: no request leaves it, and no text of it can run as code."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from ilrec_agents.benchmark.report.columns import Column, columns
from ilrec_agents.benchmark.report.exhibits import Artefact, Picture, PlainTable, ShownSession
from ilrec_agents.benchmark.report.findings import findings
from ilrec_agents.benchmark.report.markdown import over
from ilrec_agents.benchmark.report.numbers import number, significant
from ilrec_agents.benchmark.report.table import MARKS, ResultsTable, Row
from ilrec_gym.cards import versions
from ilrec_gym.errors import require
from ilrec_gym.files import replacing

FIRST_STEPS = 10  # of a session, shown before the reader asks for more


@dataclass(frozen=True)
class Chapter:
    """What the page says of one table.

    Attributes:
        table: The results.
        heading: Of the chapter, where there are several.
        pictures: In order.
        tables: Further tables.
        sessions: Example sessions, shown side by side; the same user makes them comparable.
        rating_scale: Lowest and highest rating.
        notes: Sentences added to the findings that the table gives.
    """

    table: ResultsTable
    heading: str = ""
    pictures: tuple[Picture, ...] = ()
    tables: tuple[PlainTable, ...] = ()
    sessions: tuple[ShownSession, ...] = ()
    rating_scale: tuple[float, float] = (0.5, 5.0)
    notes: tuple[str, ...] = ()

    def shown(self) -> dict[str, Any]:
        """What the template needs of it."""
        shown, groups = columns(self.table), self.table.groups.items()
        return {
            "about": self,
            "findings": [*findings(self.table), *self.notes],
            "columns": shown,
            "groups": [(group, [_cells(self.table, shown, row) for row in rows]) for group, rows in groups],
            "over": over(self.table),
            "width": self._width,
        }

    def _width(self, rating: float) -> str:
        """A rating as the width of a bar, in percent."""
        low, high = self.rating_scale
        return f"{100 * min(1.0, max(0.0, (rating - low) / (high - low))):.0f}"


@dataclass(frozen=True)
class Page:
    """What the page holds.

    Attributes:
        title: Its heading.
        chapters: One per table.
        lead: One or two sentences under the heading.
        artefacts: The files of the run.
        commands: Exact commands that made it.
        versions: Package versions; by default those installed now.
    """

    title: str
    chapters: tuple[Chapter, ...]
    lead: str = ""
    artefacts: tuple[Artefact, ...] = ()
    commands: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=versions)

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
            chapters=[chapter.shown() for chapter in self.chapters],
            meanings=MARKS,
            first_steps=FIRST_STEPS,
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


def _cells(table: ResultsTable, shown: Sequence[Column], row: Row) -> dict[str, Any]:
    """A row's cells as (text, value to sort by), and its interval as a bar in percent of the widest."""
    top = max(_end(other) for other in table.rows) or 1.0
    value = row.evaluation.R_traj
    low = value.mean if value.low != value.low else value.low
    bar = {"left": 100 * low / top, "width": 100 * (_end(row) - low) / top, "mean": 100 * value.mean / top}
    cells = [
        {"name": column.name, "text": text, "value": f"{v:.6g}", "minor": column.minor}
        for column in shown
        for text, v in [column.cell(row)]
    ]
    return {"row": row, "cells": cells, "bar": {name: f"{max(0.0, x):.2f}" for name, x in bar.items()}}


def _end(row: Row) -> float:
    """The right end of a row's R_traj, its mean where there is no interval."""
    value = row.evaluation.R_traj
    return value.mean if value.high != value.high else value.high


def _part(name: str) -> str:
    return resources.files("ilrec_agents.benchmark.report").joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


def _slug(text: str) -> str:
    return text.replace(" ", "-")
