"""Sessions as JSON Lines: one typed step per line, and one session per line, for every library that reads tables."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from ilrec_demos.journal import Session, Step
from ilrec_demos.jsonl_schema import SESSION, STEP, TRACE, Column, complaints
from ilrec_demos.trace import Trace
from ilrec_gym.cards import card_path, write_card
from ilrec_gym.errors import ArtefactError, UsageError
from ilrec_gym.evaluation.records import STEP_KEYS, plain
from ilrec_gym.files import check_target, replacing, sha256
from ilrec_gym.lines import read_lines

KIND = "jsonl"
STEPS, SESSIONS = "steps.jsonl", "sessions.jsonl"


@dataclass(frozen=True)
class Lines:
    """The lines of both files.

    Attributes:
        steps: One record for each step, by session and step.
        sessions: One record for each session.
    """

    steps: tuple[dict[str, Any], ...]
    sessions: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, sessions: Sequence[Session]) -> Lines:
        """What is written of sessions.

        Raises:
            ValueError: An agent's fact is of another type than the trace has.
        """
        traces = [[Trace.of(_plain(step)) for step in session.steps] for session in sessions]
        said = [
            name for name in TRACE if any(getattr(trace, name) not in (None, {}) for row in traces for trace in row)
        ]
        return cls(
            tuple(
                _step(session, t, trace, said)
                for session, row in zip(sessions, traces, strict=True)
                for t, trace in enumerate(row)
            ),
            tuple(map(_session, sessions)),
        )


def write_jsonl(
    sessions: Sequence[Session], folder: str | os.PathLike[str], *, parameters: Mapping[str, Any],
    inputs: Mapping[str, str], seed: int, seconds: float, **facts: Any,
) -> Path:  # fmt: skip
    """Write ``steps.jsonl``, ``sessions.jsonl`` and a card into a folder of their own.

    Args:
        sessions: By number.
        folder: A new or empty folder, or one that this function wrote, which is replaced.
        parameters: What decided the content, for the card.
        inputs: Checksums of what it was made from, for the card.
        seed: The first session's, for the card.
        seconds: How long it took, for the card.
        facts: Further facts for the card.

    Returns:
        The folder.

    Raises:
        UsageError: There is another folder or file of that name, or a fact of an agent has no place in the schema.
        StorageError: No space or no permission; nothing is left half-written.
    """
    folder = Path(folder)
    check_target(folder, mark=card_path(STEPS).name)
    try:
        lines = Lines.of(sessions)
    except ValueError as error:
        raise UsageError(
            "what an agent says must have the types of the trace",
            received=str(error),
            cause="an agent whose explain() uses a name of the trace for something else",
            fix="see ilrec_demos.trace.Trace for the names and types",
        ) from error
    with replacing(folder, mark=card_path(STEPS).name) as draft:
        draft.mkdir()
        (draft / STEPS).write_bytes(_written(lines.steps))
        (draft / SESSIONS).write_bytes(_written(lines.sessions))
        columns = {"steps": list(lines.steps[0]), "sessions": list(lines.sessions[0])}
        write_card(
            draft / STEPS, kind=KIND, parameters=parameters, inputs=inputs, seed=seed, seconds=seconds,
            files={SESSIONS: sha256(draft / SESSIONS)}, columns=columns, **facts,
        )  # fmt: skip
    return folder


def read_jsonl(folder: str | os.PathLike[str]) -> tuple[Session, ...]:
    """The sessions that :func:`write_jsonl` wrote, by number. Facts that are null are left out.

    Raises:
        ArtefactError: A file is missing or damaged; says which line.
    """
    steps, sessions = (_checked(Path(folder) / name, columns) for name, columns in ((STEPS, STEP), (SESSIONS, SESSION)))
    by_session = {number: list(rows) for number, rows in groupby(steps, key=lambda record: record["session"])}
    try:
        joined = (joined_record(record, by_session[record["session"]]) for record in sessions)
        return tuple(map(Session.from_record, joined))
    except (KeyError, ValueError, TypeError) as error:
        raise ArtefactError(
            f"{folder} must hold the steps of every session", received=repr(error), cause="damaged or edited files"
        ) from error


def joined_record(record: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The record that a journal's line would hold, from a session's line and its steps' lines.

    Raises:
        ValueError: The column ``more`` is no JSON object.
    """
    named = ("session", "user_id", "seed", "exit_reason", "terminated", "return", "tokens", "seconds")
    return {name: record[name] for name in named} | {"steps": [_recorded(step) for step in steps]}


def _step(session: Session, t: int, trace: Trace, said: Sequence[str]) -> dict[str, Any]:
    step, last = session.steps[t], t == len(session) - 1
    record: dict[str, Any] = {
        "session": session.number, "step": t + 1, "user_id": session.user_id, "seed": session.seed,
        "action": step.action, "item_id": step.item_id, "title": step.title, "rating": step.rating,
        "propensity": step.propensity, "candidates": step.candidates,
        "terminated": last and session.terminated, "truncated": last and not session.terminated,
        "exit_reason": session.exit_reason if last else "",
    }  # fmt: skip
    for name in said:
        record[name] = getattr(trace, name)
    if "more" in record:
        record["more"] = json.dumps(trace.more, sort_keys=True, ensure_ascii=False, default=plain)
    return record


def _session(session: Session) -> dict[str, Any]:
    return {
        "session": session.number, "user_id": session.user_id, "seed": session.seed, "length": len(session),
        "return": session.total, "terminated": session.terminated, "truncated": not session.terminated,
        "exit_reason": session.exit_reason, "tokens": session.tokens, "seconds": session.seconds,
    }  # fmt: skip


def _recorded(step: Mapping[str, Any]) -> dict[str, Any]:
    """A step's line as it lies in a journal."""
    own = {name: step[name] for name in STEP_KEYS}
    facts = {name: step[name] for name in TRACE if step.get(name) is not None and name != "more"}
    more = json.loads(step.get("more") or "{}")
    if not isinstance(more, dict):
        raise ValueError(f"more is {more!r:.60}")
    return own | facts | more


def _plain(step: Step) -> Step:
    """The step as it comes back from a file: what an agent said may hold NumPy's values."""
    return Step.from_json(json.loads(json.dumps(step.to_json(), default=plain)))


def _written(records: Sequence[Mapping[str, Any]]) -> bytes:
    lines = (json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False) for record in records)
    return "".join(line + "\n" for line in lines).encode("utf-8", "replace")


def _checked(path: Path, columns: Mapping[str, Column]) -> list[dict[str, Any]]:
    records = []
    try:
        lines = read_lines(path)
    except FileNotFoundError as error:
        raise ArtefactError(f"the file {path} must exist", cause="a wrong path, or a damaged dataset") from error
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            wrong = list(complaints(record, columns))
        except ValueError as error:
            wrong = [str(error)]
        if wrong:
            raise ArtefactError(
                f"line {number} of {path} must follow the schema",
                received="; ".join(wrong),
                cause="the file was damaged or edited",
                fix="export it again; ilrec demos validate names everything that is wrong",
            )
        records.append(record)
    return records
