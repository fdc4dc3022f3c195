"""The journal: a folder with a header and an append-only file of finished sessions. It survives a kill at any byte."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ilrec_demos.header import Header, read_header
from ilrec_gym.cards import card_path, read_card
from ilrec_gym.errors import ArtefactError
from ilrec_gym.evaluation.records import Session, Step
from ilrec_gym.lines import read_lines

__all__ = ["Header", "Journal", "Session", "Step"]

KIND = "journal"
SESSIONS = "sessions.jsonl"


@dataclass(frozen=True)
class Journal:
    """What a journal's folder holds.

    Attributes:
        path: The folder.
        header: What decides every session.
        sessions: The finished ones, by number.
    """

    path: Path
    header: Header
    sessions: tuple[Session, ...]

    @classmethod
    def read(cls, path: str | os.PathLike[str], *, verify: bool = True) -> Journal:
        """Read a journal, finished or not. A torn last line is left out; nothing is changed.

        Args:
            path: The folder.
            verify: Whether to compare a finished journal with the checksum of its card.

        Raises:
            ArtefactError: Not a journal, or a damaged one.
        """
        path = Path(path)
        header = read_header(path)
        if verify and card_path(path / SESSIONS).exists():
            read_card(path / SESSIONS, kind=KIND)
        sessions = sorted(_read_sessions(path / SESSIONS, header), key=lambda session: session.number)
        return cls(path, header, tuple(sessions))

    @property
    def finished(self) -> bool:
        """Whether every session that was wanted is there."""
        return len(self.sessions) == self.header.sessions

    @property
    def sessions_path(self) -> Path:
        """The file of the sessions."""
        return self.path / SESSIONS

    def statistics(self) -> dict[str, Any]:
        """Sessions, steps, mean return and length, and how often each exit reason occurred."""
        n, steps = len(self.sessions), sum(map(len, self.sessions))
        total = sum(session.total for session in self.sessions)
        reasons: dict[str, int] = {}
        for session in self.sessions:
            reason = session.exit_reason or "horizon"
            reasons[reason] = reasons.get(reason, 0) + 1
        return {
            "sessions": n,
            "steps": steps,
            "mean_return": round(total / max(n, 1), 6),
            "mean_length": round(steps / max(n, 1), 6),
            "mean_rating": round(total / max(steps, 1), 6),
            "users": len({session.user_id for session in self.sessions}),
            "items": len({step.item_id for session in self.sessions for step in session.steps}),
            "exit_reasons": dict(sorted(reasons.items())),
        }


def _read_sessions(path: Path, header: Header) -> Iterator[Session]:
    seen: dict[int, int] = {}
    for number, line in enumerate(_lines(path), start=1):
        try:
            session = Session.from_line(line)
            if not 0 <= session.number < header.sessions or session.seed != header.seed + session.number:
                raise ValueError(f"session {session.number} with seed {session.seed} is none of this journal")
            if session.number in seen:
                raise ValueError(f"session {session.number} is there twice, first in line {seen[session.number]}")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ArtefactError(
                f"line {number} of {path} must be a finished session of this journal",
                received=_said(error),
                cause="the file was damaged or edited",
                fix="restore it, or collect the journal anew",
            ) from error
        seen[session.number] = number
        yield session


def _lines(path: Path) -> list[bytes]:
    try:
        return read_lines(path)
    except FileNotFoundError:
        return []  # killed between the header and the first session


def _said(error: Exception) -> str:
    return f"missing key {error}" if isinstance(error, KeyError) else f"{type(error).__name__}: {error}"
