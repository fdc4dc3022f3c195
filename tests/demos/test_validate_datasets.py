"""Validation of exported datasets: whatever is planted in a file, in arrays, in lines or on a card is found."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ilrec_agents.offline.dataset import read_hdf5, write_hdf5
from ilrec_demos.journal import SESSIONS, Journal
from ilrec_demos.jsonl import STEPS
from ilrec_demos.seal import write_sealed
from ilrec_demos.validation import validate
from ilrec_gym.cards import card_path, write_card

from .damaging import Record, change_json, found, rewrite


@pytest.mark.parametrize("form", ["d3rlpy", "minari", "jsonl"])
def test_a_changed_byte_in_any_file_is_found(copied: Callable[[str], Path], env: Any, form: str) -> None:
    place = copied(form)
    root = place.parent if form == "d3rlpy" else place
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        content = path.read_bytes()
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        if path.name not in ("README.md", "set.card.md"):  # people may edit the page
            assert found(place, env, replay=False), path.name
        path.write_bytes(content)
    assert found(place, env, replay=False) == []


@pytest.mark.parametrize("form", ["d3rlpy", "minari", "jsonl"])
def test_a_missing_file_is_found(copied: Callable[[str], Path], env: Any, form: str) -> None:
    place = copied(form)
    root = place.parent if form == "d3rlpy" else place
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        content = path.read_bytes()
        path.unlink()
        findings = found(place, env, replay=False)
        assert any(path.name in finding for finding in findings), path.name
        path.write_bytes(content)
    assert found(place, env, replay=False) == []


def rewritten(path: Path, change: Callable[[Any], Any], number: int = 3) -> None:
    """Change one episode of an HDF5 file and let the card describe the new file, though not the journal anew."""
    card = json.loads(card_path(path).read_text())
    dataset = read_hdf5(path)
    episodes = list(dataset.episodes)
    episodes[number] = change(episodes[number])
    new = write_hdf5(replace(dataset, episodes=tuple(episodes)), path)
    written = write_card(path, **{
        key: new[key] if key in ("dataset", "statistics") else value
        for key, value in card.items() if key not in ("format", "sha256", "versions", "created", "files")
    }, files={})  # fmt: skip
    write_sealed(path, written)


def with_extra(name: str, at: int, value: Any) -> Callable[[Any], Any]:
    def change(episode: Any) -> Any:
        extras = {key: array.copy() for key, array in episode.extras.items()}
        extras[name][at] = value
        return replace(episode, extras=extras)

    return change


def with_array(name: str, at: int, by: float) -> Callable[[Any], Any]:
    def change(episode: Any) -> Any:
        array = getattr(episode, name).copy()
        array[at] += by
        return replace(episode, **{name: array})

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (with_array("rewards", 2, 0.25), "session 3, step 3: rating: "),
        (with_array("actions", 2, 0), ""),
        (with_array("observations", 2, 1.0), "session 3, step 3: the observation before it differs"),
        (with_extra("propensity", 2, 0.0), "session 3, step 3: propensity: 0.0 is outside"),
        (with_extra("item_id", 2, 1), "session 3, step 3: item 1 is not on offer"),
        (with_extra("candidates", 2, 1), "session 3, step 3: an item is on offer twice"),
        (with_extra("user_id", slice(None), 1), "session 3, step 1: user_id: 1 in the journal"),
        (with_extra("session", slice(None), 4), "episode 4: session 4 is episode 3 already"),
        (lambda episode: replace(episode, terminated=not episode.terminated), "exit_reason"),
    ],
    ids=["rating", "nothing", "observation", "propensity", "item", "offer", "viewer", "doubled", "end"],
)
def test_changed_arrays_are_found(
    copied: Callable[[str], Path], env: Any, change: Callable[[Any], Any], said: str
) -> None:
    path = copied("d3rlpy")
    rewritten(path, change)
    path.with_suffix(".card.md").unlink()
    findings = [finding for finding in found(path, env) if not finding.startswith("set.card.md")]
    assert any(said in finding for finding in findings) if said else findings == []
    assert len(findings) <= 25, findings


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda card: card["dataset"].update(transitions=3), "dataset.transitions is 3"),
        (lambda card: card["dataset"].update(closing_rows=99), "dataset.closing_rows is 99"),
        (lambda card: card["dataset"].update(extras=["love"]), "dataset.extras is"),
        (lambda card: card["statistics"].update(mean_length=1.0), "statistics.mean_length is 1.0"),
        (lambda card: card["journal"].update(users=1), "journal.users is 1"),
        (lambda card: card["task"].update(fingerprint="x"), "task.fingerprint"),
        (lambda card: card.update(seed=5), "user_id: "),
        (lambda card: card.update(agent=3), "agent"),
        (lambda card: card.update(task=None), "must describe a dataset"),
        (lambda card: card.pop("dataset"), "must describe a dataset"),
        (lambda card: card["agent"]["config"].update(temperature=9), "the card was changed since it was written"),
        (lambda card: card.update(files=3), "files is 3, not checksums by name"),
    ],
    ids=range(12),
)
def test_a_card_against_its_content(
    copied: Callable[[str], Path], env: Any, change: Callable[[Record], object], said: str
) -> None:
    path = copied("d3rlpy")
    change_json(card_path(path), change)
    assert any(said in finding for finding in found(path, env))


@pytest.mark.parametrize(
    ("name", "line", "change", "said"),
    [
        (STEPS, 2, lambda record: record.update(rating=1.0), "session 0 from line 1, step 2: rating: "),
        (STEPS, 2, lambda record: record.update(rating="1"), "steps.jsonl, line 2: rating is '1', not a number"),
        (STEPS, 2, lambda record: record.pop("title"), "steps.jsonl, line 2: title is missing"),
        (STEPS, 2, lambda record: record.update(mood=1), "steps.jsonl, line 2: mood is no column"),
        (STEPS, 2, lambda record: record.update(step=1), "line 2: session 0: step 1 is there already"),
        (STEPS, 2, lambda record: record.update(step=5), "line 2: session 0: step 5 follows step 1"),
        (STEPS, 2, lambda record: record.update(terminated=True), "line 2: terminated is True"),
        (STEPS, 2, lambda record: record.update(user_id=1), "line 2: user_id is 1, but the content says"),
        (STEPS, 2, lambda record: record.update(propensity=2.0), "step 2: propensity 2.0"),
        (SESSIONS, 2, lambda record: record.update(length=1), "line 2, session 1: length 1, but"),
        (SESSIONS, 2, lambda record: record.update(session=0), "line 2: session 0 is there already, in line 1"),
        (SESSIONS, 2, lambda record: record.update({"return": 0.0}), "return 0, but the ratings add up to"),
        (SESSIONS, 2, lambda record: record.update(seed=9), "seed 9 in place of 1"),
    ],
    ids=range(13),
)
def test_changed_lines_are_found(
    copied: Callable[[str], Path], env: Any, name: str, line: int, change: Callable[[Record], object], said: str
) -> None:
    place = copied("jsonl")
    rewrite(place / name, line, change)
    assert any(said in finding for finding in found(place, env)), found(place, env)[:5]


def test_torn_and_missing_lines_are_found(copied: Callable[[str], Path], env: Any, journal: Journal) -> None:
    place = copied("jsonl")
    content = (place / STEPS).read_bytes()
    (place / STEPS).write_bytes(content[:-50])
    findings = found(place, env)
    assert any("torn, " in finding for finding in findings)
    assert any(f"length {len(journal.sessions[-1])}, but steps.jsonl has" in finding for finding in findings)
    (place / STEPS).write_bytes(content)
    lines = (place / SESSIONS).read_bytes().splitlines(keepends=True)
    (place / SESSIONS).write_bytes(b"".join(lines[:3] + lines[5:]))
    assert any("no sound line for the sessions 3-4" in finding for finding in found(place, env))


def edited(value: Any, draw: random.Random) -> Any:
    """A JSON value with one part of it, anywhere, replaced or taken out."""
    if not isinstance(value, dict | list) or not value or draw.random() < 0.1:
        return draw.choice([None, 3, -1, 1.5, "x", [], {}, True, [1, "a"], {"a": 1}, 10**30, "\0"])
    key = draw.choice(list(value) if isinstance(value, dict) else range(len(value)))
    if isinstance(value, dict) and draw.random() < 0.2:
        return {name: part for name, part in value.items() if name != key}
    copy = value.copy()
    copy[key] = edited(value[key], draw)
    return copy


def lasting(record: Any) -> Any:
    """A record without times, and without the seal, which older journals' cards lack."""
    times = ("created", "seconds", "seal")
    return {key: value for key, value in record.items() if key not in times} if isinstance(record, dict) else record


@pytest.mark.parametrize("form", ["journal", "d3rlpy", "minari", "jsonl"])
def test_no_edit_breaks_validation(whole: Path, copied: Callable[[str], Path], env: Any, form: str) -> None:
    draw = random.Random(0)
    place = whole if form == "journal" else copied(form)
    root = place.parent if form == "d3rlpy" else place
    files = [path for path in sorted(root.rglob("*")) if path.suffix in (".json", ".jsonl")]
    for _ in range(12):
        path = draw.choice(files)
        content = path.read_bytes()
        lines = content.splitlines(keepends=True) if path.suffix == ".jsonl" else [content]
        line = draw.randrange(len(lines))
        record = json.loads(lines[line])
        changed = edited(record, draw)
        lines[line] = json.dumps(changed).encode() + b"\n"
        path.write_bytes(b"".join(lines))
        assert lasting(changed) == lasting(record) or found(place, env, replay=False), (path.name, record, changed)
        path.write_bytes(content)


def test_what_was_not_exported_from_a_journal_is_noted(tmp_path: Path, copied: Callable[[str], Path]) -> None:
    dataset = read_hdf5(copied("d3rlpy"))
    write_hdf5(dataset.with_rewards(np.zeros(dataset.n_transitions)), tmp_path / "other.h5", reward="none")
    report = validate(tmp_path / "other.h5")
    assert report.fine and report.replayed == 0 and "not exported from a journal" in report.notes[0]
