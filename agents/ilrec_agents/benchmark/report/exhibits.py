"""What a page shows besides the table: pictures, sessions, artefacts."""

from __future__ import annotations

import base64
import json
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ilrec_agents.benchmark.report.numbers import cell
from ilrec_gym.cards import read_card
from ilrec_gym.errors import ArtefactError, UsageError

if TYPE_CHECKING:
    from ilrec_agents.benchmark.report.table import Row


@dataclass(frozen=True)
class Picture:
    """A PNG with its words.

    Attributes:
        png: The file's bytes.
        alt: What it shows, for those who do not see it.
        caption: How to read it.
    """

    png: bytes = field(repr=False)
    alt: str
    caption: str = ""

    def __post_init__(self) -> None:
        if self.png[:8] != b"\x89PNG\r\n\x1a\n" or len(self.png) < 24:
            raise ArtefactError("a picture must be a PNG", received=self.png[:8], cause="a damaged or foreign file")

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], alt: str, caption: str = "") -> Picture:
        """The picture in a file."""
        try:
            return cls(Path(path).read_bytes(), alt, caption)
        except FileNotFoundError as error:
            raise ArtefactError(f"the file {path} must exist", cause="a step that was not run") from error

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        width, height = struct.unpack(">II", self.png[16:24])
        return width, height

    @property
    def uri(self) -> str:
        """The picture as a ``data:`` address."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


@dataclass(frozen=True)
class PlainTable:
    """A table besides the results.

    Attributes:
        heading: What it is about.
        columns: Heads; the first column names the rows.
        rows: Per row its name, and per further column a text and a number to sort by.
        note: How to read it.
    """

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[str, float], ...]], ...]
    note: str = ""

    def __post_init__(self) -> None:
        for name, cells in self.rows:
            if len(cells) != len(self.columns) - 1:
                raise UsageError(
                    f"row {name!r} needs {len(self.columns) - 1} cells after its name", received=len(cells)
                )

    def to_markdown(self) -> str:
        """Heading, table and note as GitHub-flavoured Markdown."""
        lines = [f"{self.heading}:", "", "| " + " | ".join(self.columns) + " |"]
        lines += ["|---|" + "---:|" * (len(self.columns) - 1)]
        rows = ([f"`{cell(name)}`", *(text for text, _ in cells)] for name, cells in self.rows)
        lines += ["| " + " | ".join(row) + " |" for row in rows]
        return "\n".join([*lines, "", self.note]) + "\n"


@dataclass(frozen=True)
class ShownStep:
    """One recommendation: title as people write it, genres, the rating it got, and a reason where there is one."""

    title: str
    genres: str
    rating: float
    reason: str = ""


@dataclass(frozen=True)
class ShownSession:
    """A session as a reader sees it.

    Attributes:
        label: The row that played it.
        user_id: For whom.
        steps: All its steps.
        ending: Why it ended.
        mark: The row's mark that decides its colour.
    """

    label: str
    user_id: int
    steps: tuple[ShownStep, ...]
    ending: str
    mark: str = "reference"

    @property
    def total(self) -> float:
        """R_traj of the session."""
        return float(sum(step.rating for step in self.steps))


def shown_session(
    row: Row, user_id: int, titles: Sequence[str], genres: Sequence[str], reasons: Sequence[str] = ()
) -> ShownSession:
    """The first session that a row recorded for a user.

    Args:
        row: The row.
        user_id: One of its users.
        titles: (I,) titles by item index.
        genres: (I,) genres by item index, as text.
        reasons: One per step, where the agent gave reasons.
    """
    log = row.evaluation.log
    found = np.flatnonzero(log.user_ids == user_id)
    if not len(found):
        raise UsageError(
            "user_id must be a user that the row met",
            received=user_id,
            fix=f"choose one of {row.evaluation.users[:5].tolist()}…",
        )
    s = found[0]
    count = int(log.lengths[s])
    if reasons and len(reasons) != count:
        raise UsageError(f"reasons must be one per step ({count})", received=len(reasons))
    steps = tuple(
        ShownStep(titles[i], genres[i], float(y), reason)
        for i, y, reason in zip(log.items[s, :count], log.ratings[s, :count], reasons or [""] * count, strict=True)
    )
    ending = "horizon" if log.truncated[s] else str(log.exit_reasons[s])
    return ShownSession(row.label, int(user_id), steps, ending, row.marks[0] if row.marks else "reference")


@dataclass(frozen=True)
class Artefact:
    """A file of the run, as its card describes it.

    Attributes:
        name: The file's name.
        kind: What it is.
        sha256: Of the file.
        parameters: What decided its content.
        seed: The seed, where one was used.
        seconds: How long it took.
    """

    name: str
    kind: str
    sha256: str
    parameters: Mapping[str, Any]
    seed: int | None = None
    seconds: float | None = None

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], *, verify: bool = False) -> Artefact:
        """What the card beside a file says of it."""
        card = read_card(path, verify=verify)
        facts: dict[str, Any] = {name: card.get(name) for name in ("kind", "sha256", "parameters", "seed", "seconds")}
        return cls(Path(path).name, **facts)

    @property
    def facts(self) -> dict[str, str]:
        """The parameters as short texts."""
        return {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in self.parameters.items()
        }
