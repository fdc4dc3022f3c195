"""Writing a journal: what has been taken is on the disk, and a kill at any byte costs at most the line under way."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from ilrec_demos.cards.prompts import PROMPTS
from ilrec_demos.header import NAME, Header, read_header
from ilrec_demos.journal import SESSIONS, Journal, Session
from ilrec_gym.errors import ArtefactError, UsageError
from ilrec_gym.files import write_json
from ilrec_gym.lines import append, unwritable, whole_lines


class JournalWriter:
    """Appends finished sessions to a journal; what it has taken is on the disk. Use it as a context manager.

    Args:
        path: The folder.
        header: What decides the sessions. A new journal is begun with it; one that is resumed must have the same.
        resume: Whether to go on with a journal that is there. One that is not there is begun.

    Attributes:
        done: Numbers of the sessions that are finished.

    Raises:
        UsageError: There is a journal and ``resume`` is False, its header differs, or another process writes to it.
        ArtefactError: The journal that is there is damaged.
        StorageError: The folder cannot be written to.
    """

    def __init__(self, path: str | os.PathLike[str], header: Header, *, resume: bool = False) -> None:
        self.path, self.header = Path(path), header
        self.done: set[int] = set()
        if (self.path / NAME).exists() and not resume:
            raise UsageError(
                f"{self.path} must not hold a journal yet",
                cause="it was collected, or begun, before",
                fix="resume it (resume=True, --resume), or choose another folder",
            )
        self._file = _locked(self.path)
        try:
            self._begin_or_resume()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> JournalWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def append(self, sessions: Sequence[Session]) -> None:
        """Write finished sessions, and return when they are on the disk.

        Raises:
            UsageError: One of them is there already.
            StorageError: No space; the journal is as it was before.
        """
        numbers = [session.number for session in sessions]
        twice = [number for number in numbers if number in self.done or numbers.count(number) > 1]
        if twice:
            raise UsageError("a session is written once", received=twice)
        try:
            append(self._file, b"".join(session.to_line() for session in sessions), sync=True)
        except OSError as error:
            raise unwritable(self.path / SESSIONS, error, "resume (--resume)") from error
        self.done.update(numbers)

    def _begin_or_resume(self) -> None:
        sessions = self.path / SESSIONS
        if (self.path / NAME).exists():
            _same_header(self.path, self.header)
            os.ftruncate(self._file.fileno(), whole_lines(sessions))
            self.done = {session.number for session in Journal.read(self.path).sessions}
        elif sessions.stat().st_size:
            raise ArtefactError(
                f"{self.path} must be a new folder", received=f"{SESSIONS} without {NAME}", cause="a damaged journal"
            )
        else:
            write_json(self.path / NAME, self.header.to_json())


def _same_header(path: Path, header: Header) -> None:
    there = read_header(path)
    if PROMPTS not in there.agent:  # a journal of before they were kept
        header = replace(header, agent={key: value for key, value in header.agent.items() if key != PROMPTS})
    differences = there.differences(header)
    if differences:
        names = [name for name in differences if name != "fingerprint"] or ["fingerprint"]
        said = [f"{name}: {differences[name][0]!r} in the journal, {differences[name][1]!r} now" for name in names]
        raise UsageError(
            f"{path} can be resumed only with what it was begun with; different: {', '.join(names)}",
            received="; ".join(said),
            cause="another agent, environment, seed or number of sessions",
            fix="give the same settings, or choose another folder",
        )


def _locked(path: Path) -> BinaryIO:
    """The file of the sessions, open for this writer only."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        file = open(path / SESSIONS, "ab")  # noqa: SIM115
    except OSError as error:
        raise unwritable(path / SESSIONS, error, "resume (--resume)") from error
    with contextlib.suppress(ImportError):  # Windows has no fcntl
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise UsageError(
                f"{path} must have one writer at a time", cause="another process is collecting into it"
            ) from error
    return file
