"""Datasets in JSON Lines: both files against the schema and each other, cards, and the sessions played again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym

from ilrec_demos.journal import Session
from ilrec_demos.jsonl import KIND, SESSIONS, STEPS, joined_record
from ilrec_demos.jsonl_schema import SESSION, STEP, Column, complaints
from ilrec_demos.validation.card_checks import check_card, check_files, check_values
from ilrec_demos.validation.exports import check_counts, dataset_environment, is_export
from ilrec_demos.validation.findings import Report, ranges
from ilrec_demos.validation.reading import read_session
from ilrec_demos.validation.sessions import SessionCheck, keeps_to_the_mask
from ilrec_gym.cards import card_path

Record = dict[str, Any]


def check_lines(place: Path, report: Report, env: gym.Env[Any, Any] | None, *, replay: bool) -> None:
    """Add to the report what is wrong with a dataset in JSON Lines.

    Args:
        place: Its folder.
        report: Gets the findings.
        env: The environment of the sessions, or None.
        replay: Whether to play the sessions again.
    """
    card = check_card(place / STEPS, KIND, report)
    if card is not None:
        check_files(place, place / STEPS, card, report)
    steps = _by_session(_records(place, STEPS, STEP, report), report)
    sessions = [
        session
        for number, record in _numbered(_records(place, SESSIONS, SESSION, report), report)
        if (session := _session(number, record, steps, report)) is not None
    ]
    report.sessions, report.steps = len(sessions), sum(map(len, sessions))
    if card is None or not is_export(card_path(STEPS).name, card, report):
        return
    _counts(sessions, steps, card, report)
    base = dataset_environment(card, report, env)
    if base is not None:
        lines = {session.number: steps[session.number][0][0] for session in sessions}
        check = SessionCheck(base, report, lambda s: f"{STEPS}, session {s.number} from line {lines[s.number]}")
        playable = check.steps(sessions)
        if replay:
            check.replay(playable, viewers=card.get("viewers"), masked=keeps_to_the_mask(card["agent"]))


def _records(place: Path, name: str, columns: Mapping[str, Column], report: Report) -> Iterator[tuple[int, Record]]:
    """Line numbers and records of the lines that follow the schema."""
    try:
        *lines, torn = (place / name).read_bytes().split(b"\n")
    except OSError as error:
        report.add(name, error.strerror or error)
        return
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            report.add(f"{name}, line {number}", f"not JSON: {error}")
            continue
        wrong = list(complaints(record, columns))
        for what in wrong:
            report.add(f"{name}, line {number}", what)
        if not wrong:
            yield number, record
    if torn:
        report.add(f"{name}, line {len(lines) + 1}", f"torn, {len(torn)} bytes without a line end")


def _by_session(records: Iterator[tuple[int, Record]], report: Report) -> dict[int, list[tuple[int, Record]]]:
    """Lines of each session's steps; each has to be there once, in its place."""
    found: dict[int, list[tuple[int, Record]]] = {}
    for number, record in records:
        rows = found.setdefault(record["session"], [])
        if record["step"] != len(rows) + 1:
            there = any(row["step"] == record["step"] for _, row in rows)
            what = "is there already" if there else f"follows step {len(rows)}"
            report.add(f"{STEPS}, line {number}", f"session {record['session']}: step {record['step']} {what}")
            if there:
                continue
        rows.append((number, record))
    return found


def _numbered(records: Iterator[tuple[int, Record]], report: Report) -> Iterator[tuple[int, Record]]:
    first: dict[int, int] = {}
    for number, record in records:
        if record["session"] in first:
            what = f"session {record['session']} is there already, in line {first[record['session']]}"
            report.add(f"{SESSIONS}, line {number}", what)
            continue
        first[record["session"]] = number
        yield number, record


def _session(
    number: int, record: Record, steps: Mapping[int, list[tuple[int, Record]]], report: Report
) -> Session | None:
    place, rows = f"{SESSIONS}, line {number}, session {record['session']}", steps.get(record["session"], [])
    if len(rows) != record["length"]:
        report.add(place, f"length {record['length']}, but {STEPS} has {len(rows)} steps of it")
        return None
    for line, row in rows:
        last = row is rows[-1][1]
        expected = {"user_id": record["user_id"], "seed": record["seed"]} | {
            name: record[name] if last else type(record[name])() for name in ("terminated", "truncated", "exit_reason")
        }
        check_values(f"{STEPS}, line {line}", row, expected, report)
    try:
        joined = joined_record(record, [row for _, row in rows])
    except ValueError as error:
        report.add(place, f"the column more must hold JSON objects: {error}")
        return None
    return read_session(place, joined, report, lambda step: f"{STEPS}, line {rows[step - 1][0]}, step {step}")


def _counts(
    sessions: list[Session], steps: Mapping[int, list[tuple[int, Record]]], card: Mapping[str, Any], report: Report
) -> None:
    listed = {session.number for session in sessions}
    without = sorted(steps.keys() - listed)
    if without:
        report.add(SESSIONS, f"no sound line for the sessions {ranges(without)}, which have steps")
    check_counts(card_path(STEPS).name, sessions, card, report)
    for session in sessions:
        seed = card["seed"] + session.number
        if session.seed != seed:
            report.add(f"{SESSIONS}, session {session.number}", f"seed {session.seed} in place of {seed}")
