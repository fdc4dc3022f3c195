"""Recorded sessions read back: from lines to sessions, and from sessions to the log that metrics are made from."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from ilrec_gym.errors import ArtefactError, UsageError
from ilrec_gym.evaluation.records import Session
from ilrec_gym.evaluation.session_log import SessionLog
from ilrec_gym.lines import read_lines
from ilrec_gym.simulation.scenario import Catalogue


def read_sessions(path: str | os.PathLike[str]) -> tuple[Session, ...]:
    """The finished sessions of a file that :class:`~ilrec_gym.wrappers.RecordSessions` wrote, in its order.

    Raises:
        ArtefactError: No such file, or a line that is no session. A torn last line is left out.
    """
    try:
        lines = read_lines(path)
    except FileNotFoundError as error:
        raise ArtefactError(f"the file {path} must exist", cause="no session has ended yet, or a wrong path") from error
    sessions = []
    for number, line in enumerate(lines, start=1):
        try:
            sessions.append(Session.from_line(line))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ArtefactError(
                f"line {number} of {path} must be a finished session",
                received=f"{type(error).__name__}: {error}",
                cause="the file was damaged, edited, or is of another kind",
            ) from error
    return tuple(sessions)


def session_log_of(sessions: Sequence[Session], catalogue: Catalogue) -> SessionLog:
    """Sessions as arrays, in their order, with the mean time of a decision.

    Raises:
        UsageError: No session, or an item that the catalogue has not.
    """
    if not sessions:
        raise UsageError("a session log needs a session", received=len(sessions))
    index = {int(item_id): item for item, item_id in enumerate(catalogue.ids)}
    unknown = {step.item_id for session in sessions for step in session.steps} - index.keys()
    if unknown:
        raise UsageError(
            "sessions must be of the catalogue's items",
            received=f"unknown ids: {sorted(unknown)[:5]}",
            cause="another data set, or another min_ratings or catalogue_size",
        )
    lengths = np.array([len(session.steps) for session in sessions])
    items = np.full((len(sessions), lengths.max()), -1, np.int32)
    ratings = np.full(items.shape, np.nan)
    for row, session in enumerate(sessions):
        items[row, : lengths[row]] = [index[step.item_id] for step in session.steps]
        ratings[row, : lengths[row]] = [step.rating for step in session.steps]
    terminated = np.array([session.terminated for session in sessions])
    return SessionLog(
        user_ids=np.array([session.user_id for session in sessions]),
        items=items,
        ratings=ratings,
        lengths=lengths,
        terminated=terminated,
        truncated=~terminated,
        exit_reasons=np.array([session.exit_reason for session in sessions]),
        seconds_per_decision=sum(session.seconds for session in sessions) / float(lengths.sum()),
    )
