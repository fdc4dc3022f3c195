"""JSON Lines: nothing is lost on the way there and back, columns have one type, and damage names its line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from ilrec_demos.export import export
from ilrec_demos.journal import Journal, Session
from ilrec_demos.jsonl import SESSIONS, STEPS, Lines, read_jsonl, write_jsonl
from ilrec_demos.jsonl_schema import SESSION, STEP, TRACE, complaints
from ilrec_demos.trace import TYPES
from ilrec_gym.cards import read_card
from ilrec_gym.errors import ArtefactError, UsageError
from ilrec_gym.files import sha256

FACTS = {"parameters": {}, "inputs": {}, "seed": 0, "seconds": 0.0}


def talking(session: Session) -> Session:
    """With words at some steps."""
    said = {"reason": 'like "a"\n☃', "recalled": ["x", "y"], "tokens": 3, "outside": False, "mood": {"merry": 1}}
    steps = [replace(step, facts=said if t % 2 else {}) for t, step in enumerate(session.steps)]
    return replace(session, steps=tuple(steps), tokens=3 * (len(steps) // 2))


@pytest.fixture(scope="module")
def exported(journal: Journal, env: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(journal, tmp_path_factory.mktemp("jsonl") / "set", env, form="jsonl", transcript=2)[1]


def test_there_and_back(journal: Journal, exported: Path, tmp_path: Path) -> None:
    assert read_jsonl(exported) == journal.sessions
    sessions = tuple(map(talking, journal.sessions))
    assert read_jsonl(write_jsonl(sessions, tmp_path / "talk", **FACTS)) == sessions


def test_the_schema_names_every_column(journal: Journal, exported: Path) -> None:
    assert TRACE.keys() | {"propensity"} == TYPES.keys() | {"more"}
    assert all(column.meaning and column.said for column in (STEP | SESSION).values())
    for name, columns in ((STEPS, STEP), (SESSIONS, SESSION)):
        for line in (exported / name).read_text(encoding="utf-8").splitlines():
            assert not list(complaints(json.loads(line), columns))
    assert list(json.loads((exported / STEPS).read_text().splitlines()[0])) == [
        name for name in STEP if name not in TRACE
    ]


def test_the_guide_lists_every_column() -> None:
    page = Path(__file__).parents[2].joinpath("docs", "guide", "demonstrations.md").read_text(encoding="utf-8")
    steps, sessions = page.split("`sessions.jsonl` has one session per line.")
    for part, columns in ((steps, STEP), (sessions, SESSION)):
        assert [row for row in part.splitlines() if row.startswith("| `") and "` | " in row and row.count("|") == 4][
            -len(columns) :
        ] == [f"| `{name}` | {column.said} | {column.meaning} |" for name, column in columns.items()]


def test_columns_are_there_where_some_step_has_a_value(journal: Journal) -> None:
    lines = Lines.of([journal.sessions[0], talking(journal.sessions[1])])
    assert {"reason", "recalled", "tokens", "outside", "more"} == lines.steps[0].keys() & TRACE.keys()
    assert len({tuple(step) for step in lines.steps}) == 1, "all lines have the same columns in the same order"
    assert lines.steps[0]["reason"] is None and lines.steps[0]["more"] == "{}"


def test_what_numpy_says_is_plain(journal: Journal) -> None:
    first = journal.sessions[0]
    step = replace(first.steps[0], facts={"tokens": np.int64(3), "score": np.float32(0.5), "more_yet": np.arange(2)})
    (record, *_) = Lines.of([replace(first, steps=(step, *first.steps[1:]))]).steps
    assert (record["tokens"], record["score"], json.loads(record["more"])) == (3, 0.5, {"more_yet": [0, 1]})


def test_pandas_reads_it(journal: Journal, exported: Path) -> None:
    steps = pandas.read_json(exported / STEPS, lines=True)
    sessions = pandas.read_json(exported / SESSIONS, lines=True)
    assert len(steps) == sum(map(len, journal.sessions)) and len(sessions) == len(journal.sessions)
    np.testing.assert_allclose(steps.groupby("session").rating.sum(), sessions["return"], rtol=1e-12)
    ends = steps.groupby("session")[["terminated", "truncated"]].sum().sum(axis=1)
    assert (ends == 1).all(), "each session ends once, at its last step"
    assert steps.groupby("session").step.agg(["min", "max"]).values.tolist() == [[1, n] for n in sessions.length]


def test_the_card_describes_it(journal: Journal, exported: Path) -> None:
    card = read_card(exported / STEPS, kind="jsonl")
    assert card["files"][SESSIONS] == sha256(exported / SESSIONS)
    assert (card["dataset"]["transitions"], card["journal"]) == (sum(map(len, journal.sessions)), journal.statistics())
    assert card["task"]["fingerprint"] == journal.header.fingerprint and card["task"]["env_spec"] == journal.header.env


def test_what_is_there_is_not_deleted(journal: Journal, exported: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    for place in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(UsageError, match="must be a new folder"):
            write_jsonl(journal.sessions, place, **FACTS)
    assert (tmp_path / "mine.txt").exists()
    again = write_jsonl(journal.sessions, write_jsonl(journal.sessions[:2], tmp_path / "set", **FACTS), **FACTS)
    assert (again / STEPS).read_bytes() == (exported / STEPS).read_bytes()


def test_a_fact_without_a_place_is_refused(journal: Journal, tmp_path: Path) -> None:
    first = journal.sessions[0]
    wrong = replace(first, steps=(replace(first.steps[0], facts={"reason": 3}), *first.steps[1:]))
    with pytest.raises(UsageError, match=r"types of the trace\n.*reason: 3 is not a text"):
        write_jsonl([wrong], tmp_path / "set", **FACTS)
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (STEPS, {"rating": "good"}, "rating is 'good', not a number"),
        (STEPS, {"candidates": [1.5]}, "candidates is"),
        (STEPS, {"mood": "merry"}, "mood is no column"),
        (SESSIONS, {"tokens": True}, "tokens is True"),
        (SESSIONS, {"seed": None}, "seed is None, not a whole number"),
    ],
)
def test_a_line_outside_the_schema_is_named(
    journal: Journal, tmp_path: Path, name: str, change: dict[str, Any], said: str
) -> None:
    folder = write_jsonl(journal.sessions[:2], tmp_path / "set", **FACTS)
    first, *others = (folder / name).read_text().splitlines(keepends=True)
    (folder / name).write_text(json.dumps(json.loads(first) | change) + "\n" + "".join(others))
    with pytest.raises(ArtefactError, match=rf"line 1 of .*{name} must follow the schema\n.*{said}"):
        read_jsonl(folder)


def test_a_session_without_steps_is_refused(journal: Journal, tmp_path: Path) -> None:
    folder = write_jsonl(journal.sessions[:2], tmp_path / "set", **FACTS)
    lines = (folder / STEPS).read_bytes().splitlines(keepends=True)
    (folder / STEPS).write_bytes(b"".join(lines[: len(journal.sessions[0])]))
    with pytest.raises(ArtefactError, match="must hold the steps of every session"):
        read_jsonl(folder)
    (folder / STEPS).unlink()
    with pytest.raises(ArtefactError, match="must exist"):
        read_jsonl(folder)
