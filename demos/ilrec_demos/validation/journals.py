"""A journal: its header, every line, what is missing, its card, and its sessions played again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym

from ilrec_demos.header import NAME, Header, read_header
from ilrec_demos.journal import KIND, SESSIONS, Journal, Session
from ilrec_demos.replay import environment_of
from ilrec_demos.validation.card_checks import check_card, check_values
from ilrec_demos.validation.findings import Report, ranges
from ilrec_demos.validation.reading import read_session
from ilrec_demos.validation.sessions import SessionCheck, keeps_to_the_mask
from ilrec_gym.cards import card_path
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.errors import ArtefactError, DataError, ILRecError
from ilrec_gym.files import fingerprint


def check_journal(path: Path, report: Report, env: gym.Env[Any, Any] | None, *, partial: bool, replay: bool) -> None:
    """Add to the report what is wrong with a journal.

    Args:
        path: Its folder.
        report: Gets the findings.
        env: The environment that it was played in, or None.
        partial: Whether it may be unfinished.
        replay: Whether to play the sessions again.
    """
    header, base = _header(path, report), None
    lines = dict(_sessions(path, header, report))
    sessions = [lines[number] for number in sorted(lines, key=lambda line: lines[line].number)]
    report.sessions, report.steps = len(sessions), sum(map(len, sessions))
    if header is None:
        return
    _missing(header, sessions, report, partial)
    _card(path, header, sessions, report)
    base = checked_environment(header, report, env)
    if base is not None:
        numbers = {session.number: line for line, session in lines.items()}
        check = SessionCheck(base, report, lambda s: f"{SESSIONS}, line {numbers[s.number]}, session {s.number}")
        playable = check.steps(sessions)
        if replay and (header.users is None or len(header.users) == header.sessions):
            check.replay(playable, viewers=header.users, masked=keeps_to_the_mask(header.agent))


def checked_environment(
    header: Header, report: Report, env: gym.Env[Any, Any] | None, place: str = NAME
) -> MovieLensEnv | None:
    """The environment of a journal; None, and a finding or a note, where it cannot be made.

    Raises:
        DataError: Its data set is not at hand.
    """
    if header.env is None and env is None:
        report.notes.append("not replayed: the environment was made with objects; pass it in Python")
        return None
    try:
        return environment_of(header, env)
    except DataError:
        raise
    except (ILRecError, gym.error.Error, ImportError, ValueError, KeyError, TypeError, AttributeError) as error:
        report.add(place, f"the environment cannot be made again: {error}")
        return None


def _header(path: Path, report: Report) -> Header | None:
    try:
        header = read_header(path)
    except ArtefactError as error:
        report.add(NAME, error.args[0])
        return None
    found = fingerprint(header.task)
    if found != header.fingerprint:
        report.add(NAME, f"fingerprint {header.fingerprint:.12}… is not that of the task, {found:.12}…")
    if header.users is not None and len(header.users) != header.sessions:
        report.add(NAME, f"{len(header.users)} users for {header.sessions} sessions")
    return header


def _sessions(path: Path, header: Header | None, report: Report) -> Iterator[tuple[int, Session]]:
    """Line numbers and sessions of the lines that are sound in themselves."""
    try:
        content = (path / SESSIONS).read_bytes()
    except OSError as error:
        report.add(SESSIONS, error.strerror or error)
        return
    *lines, torn = content.split(b"\n")
    first: dict[int, int] = {}
    for number, line in enumerate(lines, start=1):
        session = _session(f"{SESSIONS}, line {number}", line, header, report)
        if session is None:
            continue
        if session.number in first:
            what = f"session {session.number} is there already, in line {first[session.number]}"
            report.add(f"{SESSIONS}, line {number}", what)
            continue
        first[session.number] = number
        yield number, session
    if torn:
        what = f"torn, {len(torn)} bytes without a line end; --resume cuts it off and plays the session again"
        report.add(f"{SESSIONS}, line {len(lines) + 1}", what)


def _session(place: str, line: bytes, header: Header | None, report: Report) -> Session | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        report.add(place, f"not JSON: {error}")
        return None
    if not isinstance(record, dict) or not isinstance(record.get("steps"), list):
        report.add(place, f"not a session: {line[:60]!r}")
        return None
    place = f"{place}, session {record.get('session')}"
    session = read_session(place, record, report)
    return session if session is not None and _belongs(place, session, header, report) else None


def _belongs(place: str, session: Session, header: Header | None, report: Report) -> bool:
    if header is None:
        return True
    if not 0 <= session.number < header.sessions:
        report.add(place, f"the journal has sessions 0 to {header.sessions - 1}")
        return False
    if session.seed != header.seed + session.number:
        report.add(place, f"seed {session.seed} in place of {header.seed + session.number}")
        return False
    return True


def _missing(header: Header, sessions: list[Session], report: Report, partial: bool) -> None:
    missing = sorted(set(range(header.sessions)) - {session.number for session in sessions})
    if missing and not partial:
        what = f"{len(missing)} of {header.sessions} sessions are missing: {ranges(missing)}; --resume plays them"
        report.add(SESSIONS, what)


def _card(path: Path, header: Header, sessions: list[Session], report: Report) -> None:
    name = card_path(SESSIONS).name
    if not card_path(path / SESSIONS).exists():
        if len(sessions) == header.sessions:
            report.add(name, "missing, although the journal is finished; --resume writes it")
        return
    card = check_card(path / SESSIONS, KIND, report)
    if card is None:
        return
    parameters = header.to_json()
    seed, statistics = parameters.pop("seed"), Journal(path, header, tuple(sessions)).statistics()
    check_values(name, card, {"seed": seed, "parameters": parameters, "statistics": statistics}, report)
