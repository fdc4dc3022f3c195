"""Validation: what is sound has no findings; whatever is planted is found, with its place, and nothing else is."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from ilrec_agents import make_agent
from ilrec_agents.offline.dataset import read_hdf5, write_hdf5
from ilrec_demos.cli import main
from ilrec_demos.collect import collect
from ilrec_demos.export import export
from ilrec_demos.journal import SESSIONS, Journal
from ilrec_demos.jsonl import STEPS
from ilrec_demos.seal import write_sealed
from ilrec_demos.validation import validate
from ilrec_demos.validation.findings import ranges
from ilrec_gym.cards import card_path, write_card
from ilrec_gym.errors import ArtefactError
from ilrec_gym.files import sha256

Record = dict[str, Any]
CARD = card_path(SESSIONS).name


@pytest.fixture(scope="module")
def exported(journal: Journal, env: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("exported")
    return {
        "d3rlpy": export(journal, root / "h5" / "set.h5", env, transcript=2)[1],
        "minari": export(journal, root / "minari", env, transcript=2, form="minari")[1],
        "jsonl": export(journal, root / "jsonl", env, transcript=2, form="jsonl")[1],
    }


@pytest.fixture
def copied(exported: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """A function that gives a copy of the dataset of a form, to be damaged."""

    def copy(form: str) -> Path:
        if form == "d3rlpy":
            shutil.copytree(exported[form].parent, tmp_path / "h5")
            return tmp_path / "h5" / "set.h5"
        return Path(shutil.copytree(exported[form], tmp_path / form))

    return copy


@pytest.fixture
def whole(journal: Journal, tmp_path: Path) -> Path:
    """A copy of the finished journal with its card."""
    return Path(shutil.copytree(journal.path, tmp_path / "journal"))


def found(path: Path, env: Any = None, **options: Any) -> list[str]:
    return [str(finding) for finding in validate(path, env, **options).findings]


def recarded(folder: Path) -> None:
    """Let the card name the checksum of the file as it is now, so that only what is in it is wrong."""
    card = json.loads((folder / CARD).read_text())
    write_sealed(folder / SESSIONS, card | {"sha256": sha256(folder / SESSIONS)})


def rewrite(path: Path, line: int, change: Callable[[Record], object]) -> None:
    """Change the record of one line, counted from 1."""
    lines = path.read_bytes().splitlines(keepends=True)
    record = json.loads(lines[line - 1])
    change(record)
    lines[line - 1] = json.dumps(record, ensure_ascii=False).encode() + b"\n"
    path.write_bytes(b"".join(lines))


def change_json(path: Path, change: Callable[[Record], object]) -> None:
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def test_what_is_sound_has_no_findings(journal: Journal, exported: dict[str, Path]) -> None:
    steps = sum(map(len, journal.sessions))
    for kind, path in {"journal": journal.path, **exported}.items():
        report = validate(path)
        assert report.findings == [] and report.notes == []
        assert (report.kind, report.sessions, report.steps, report.replayed) == (kind, 20, steps, 20)
        assert main(["validate", str(path)]) == 0


# Each changes the record of line 4, whose session has the number N, and is found at that place and only there.
AT_THE_STEP: dict[str, tuple[Callable[[Record], object], str]] = {
    "rating": (lambda step: step.update(rating=step["rating"] - 0.01), "rating: .* when replayed"),
    "rating outside the scale": (lambda step: step.update(rating=5.5), "rating 5.5 is outside the scale"),
    "rating of another type": (lambda step: step.update(rating="5"), "rating is '5'"),
    "propensity of zero": (lambda step: step.update(propensity=0), "propensity: 0 is outside"),
    "propensity above one": (lambda step: step.update(propensity=1.5), "propensity 1.5"),
    "title": (lambda step: step.update(title="Big (1988)"), "title 'Big .1988.', but item"),
    "action not on offer": (lambda step: step.update(action=20), "action 20 is none of the 20 on offer"),
    "another action": (lambda step: step.update(action=(step["action"] + 1) % 20), "is elsewhere in the offer"),
    "item not on offer": (lambda step: step.update(item_id=1, title="Toy Story (1995)"), "item 1 is not on offer"),
    "item of no catalogue": (lambda step: step.update(item_id=-5), "item -5 is not in the catalogue"),
    "offer in another order": (
        lambda step: step.update(candidates=step["candidates"][::-1], action=19 - step["action"]),
        "candidates: .* when replayed",
    ),
    "offer twice": (
        lambda step: step["candidates"].__setitem__(step["action"] - 1, step["item_id"]),
        "an item is on offer twice",
    ),
    "reason of another type": (lambda step: step.update(reason=3), "reason: 3 is not a text"),
    "tokens that do not add up": (
        lambda step: step.update(tokens=5, tokens_in=1, tokens_out=1),
        "tokens: 5, but 1 in and 1 out",
    ),
    "no action": (lambda step: step.pop("action"), "missing key 'action'"),
}


@pytest.mark.parametrize("damage", AT_THE_STEP)
def test_a_changed_step_is_found(whole: Path, env: Any, damage: str) -> None:
    change, said = AT_THE_STEP[damage]
    place: list[Any] = []

    def at_step_3(record: Record) -> None:
        place.append(record["session"])
        change(record["steps"][2])
        ratings = [step["rating"] for step in record["steps"]]
        record["return"] = sum(ratings) if not any(isinstance(rating, str) for rating in ratings) else record["return"]

    rewrite(whole / SESSIONS, 4, at_step_3)
    recarded(whole)
    findings = [finding for finding in found(whole, env) if not finding.startswith(CARD)]
    assert any(
        re.match(rf"sessions.jsonl, line 4, session {place[0]}, step 3: .*{said}", finding) for finding in findings
    ), findings
    elsewhere = [finding for finding in findings if not finding.startswith("sessions.jsonl, line 4, ")]
    assert all("missing" in finding for finding in elsewhere), findings


AT_THE_SESSION: dict[str, tuple[Callable[[Record], object], str]] = {
    "return": (lambda record: record.update({"return": 1.0}), "return 1, but the ratings add up to"),
    "seed": (lambda record: record.update(seed=99), "seed 99 in place of"),
    "viewer": (lambda record: record.update(user_id=record["user_id"] + 1), "user_id: .* when replayed"),
    "number": (lambda record: record.update(session=20, seed=20), "the journal has sessions 0 to 19"),
    "end": (lambda record: record.update(terminated=not record["terminated"]), "terminated .* with exit_reason"),
    "reason of the end": (
        lambda record: record.update(exit_reason="boredom", terminated=True), "exit_reason: 'boredom'",
    ),
    "last step": (
        lambda record: record.update({
            "steps": record["steps"][:-1], "return": sum(step["rating"] for step in record["steps"][:-1]),
        }),
        "end of the session: True in the journal, False when replayed",
    ),
    "tokens": (lambda record: record["steps"][0].update(tokens=3), "tokens None, but those of its steps add up to 3"),
    "no steps": (lambda record: record.update({"steps": [], "return": 0}), "a session without steps"),
    "no object": (lambda record: record.update(steps=3), "not a session"),
}  # fmt: skip


@pytest.mark.parametrize("damage", AT_THE_SESSION)
def test_a_changed_session_is_found(whole: Path, env: Any, damage: str) -> None:
    change, said = AT_THE_SESSION[damage]
    rewrite(whole / SESSIONS, 4, change)
    recarded(whole)
    findings = [finding for finding in found(whole, env) if not finding.startswith(CARD)]
    assert any(re.match(rf"sessions.jsonl, line 4[,:].*{said}", finding) for finding in findings), findings
    assert all("line 4" in finding or "missing" in finding for finding in findings), findings


def test_damaged_lines_are_found(whole: Path, env: Any) -> None:
    lines = (whole / SESSIONS).read_bytes().splitlines(keepends=True)
    cut, zeros = lines[1][:99] + b"\n", bytes(40) + b"\n"
    doubled = json.loads(lines[4])["session"]
    gone = sorted(json.loads(lines[k])["session"] for k in (1, 2, -1))
    (whole / SESSIONS).write_bytes(b"".join([lines[0], cut, zeros, *lines[3:-1], lines[4], lines[-1][:77]]))
    (whole / CARD).unlink()
    findings = found(whole, env)
    assert [finding.split(":")[0] for finding in findings] == [
        "sessions.jsonl, line 2", "sessions.jsonl, line 3", "sessions.jsonl, line 20", "sessions.jsonl, line 21",
        "sessions.jsonl",
    ]  # fmt: skip
    assert all("not JSON" in finding for finding in findings[:2])
    assert f"session {doubled} is there already, in line 5" in findings[2]
    assert "torn, 77 bytes without a line end" in findings[3]
    assert f"3 of 20 sessions are missing: {ranges(gone)}" in findings[4]
    assert [f for f in found(whole, env, partial=True) if "missing" in f] == []


def test_an_unfinished_journal_is_fine_where_it_may_be(whole: Path, env: Any) -> None:
    lines = (whole / SESSIONS).read_bytes().splitlines(keepends=True)
    (whole / SESSIONS).write_bytes(b"".join(lines[:7]))
    (whole / CARD).unlink()
    assert len(found(whole, env)) == 1
    assert found(whole, env, partial=True) == []
    assert main(["validate", str(whole)]) == 1 and main(["validate", str(whole), "--partial"]) == 0
    (whole / SESSIONS).unlink()
    assert [finding.split(":")[0] for finding in found(whole, env)] == [SESSIONS, SESSIONS]


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        (CARD, lambda card: card.update(sha256="0" * 64), "sessions.jsonl: checksum .* changed since"),
        (CARD, lambda card: card.update(sha256=None), "sessions.jsonl: checksum .* changed since"),
        (CARD, lambda card: card.update(kind="reward"), "must be of kind 'journal'"),
        (CARD, lambda card: card.update(seed=4), "seed is 4, but the content says 0"),
        (CARD, lambda card: card["statistics"].update(steps=3), "statistics.steps is 3, but the content says"),
        (CARD, lambda card: card["statistics"].update(mean_return=3.0), "statistics.mean_return is 3.0"),
        (CARD, lambda card: card["statistics"]["exit_reasons"].update(love=3), "exit_reasons.love is 3"),
        (CARD, lambda card: card["parameters"]["agent"].update(name="mmr"), "parameters.agent.name is 'mmr'"),
        (CARD, lambda card: card["versions"].update(numpy="1.0"), "its seal is another one"),
        ("journal.json", lambda header: header.update(fingerprint="0"), "fingerprint 0… is not that of the task"),
        ("journal.json", lambda header: header["task"].update(max_steps=9), "fingerprint .* is not that of the task"),
        ("journal.json", lambda header: header.update(seed=1), "seed 0 in place of 1"),
        ("journal.json", lambda header: header.pop("agent"), "must be the header of a journal"),
        ("journal.json", lambda header: header.update(users=[1, 2]), "2 users for 20 sessions"),
        ("journal.json", lambda header: header["env"].update(id="ilrec/Nothing-v0", entry_point="no:thing"), "environ"),
    ],
    ids=str,
)  # fmt: skip
def test_a_changed_card_or_header_is_found(
    whole: Path, file: str, change: Callable[[Record], object], said: str
) -> None:
    change_json(whole / file, change)
    findings = found(whole)
    assert any(re.search(said, finding) for finding in findings), findings


def test_missing_files_are_found(whole: Path, env: Any) -> None:
    (whole / CARD).unlink()
    assert found(whole, env) == [f"{CARD}: missing, although the journal is finished; --resume writes it"]
    (whole / "journal.json").unlink()
    (finding,) = found(whole, env)
    assert finding.startswith("journal.json: ") and "must exist" in finding


def test_a_masked_item_is_found(tmp_path: Path) -> None:
    """`random` may show a film twice; by the name of an agent that keeps to the mask it is a finding."""
    env = gym.make("ilrec/MovieLens-v0", max_steps=60, catalogue_size=60)
    collect(make_agent("random", env), env, tmp_path / "log", sessions=3)
    assert found(tmp_path / "log", env) == []
    for name in ("journal.json", CARD):
        text = (tmp_path / "log" / name).read_text()
        (tmp_path / "log" / name).write_text(text.replace('"name": "random"', '"name": "random_masked"'))
    recarded(tmp_path / "log")
    findings = found(tmp_path / "log", env)
    assert findings and all("masked item: " in finding for finding in findings)


def test_chosen_viewers_are_replayed(env: Any, tmp_path: Path) -> None:
    users = env.unwrapped.scenario.users.ids[env.unwrapped.users[[3, 1]]].tolist()
    journal = collect(make_agent("retriever_top1", env), env, tmp_path / "log", sessions=2, users=users)
    assert found(tmp_path / "log", env) == []
    for form, name in (("d3rlpy", "a.h5"), ("jsonl", "a"), ("minari", "b")):
        assert found(export(journal, tmp_path / name, env, form=form)[1], env) == [], form


def test_without_replay_the_rest_is_looked_at(whole: Path, env: Any) -> None:
    rewrite(whole / SESSIONS, 1, lambda record: record["steps"][0].update(title="x"))
    rewrite(whole / SESSIONS, 2, lambda record: record.update(user_id=1))
    recarded(whole)
    report = validate(whole, env, replay=False)
    assert report.replayed == 0 and [f.what[:9] for f in report.findings if f.place != CARD] == ["title 'x'"]


def test_an_environment_made_with_objects_is_noted(env: Any, tmp_path: Path) -> None:
    own = gym.make("ilrec/MovieLens-v0", dataset=env.unwrapped.scenario, max_steps=4)
    collect(make_agent("mmr", own), own, tmp_path / "own", sessions=2)
    report = validate(tmp_path / "own")
    assert report.fine and "pass it in Python" in report.notes[0] and report.replayed == 0
    assert validate(tmp_path / "own", own).replayed == 2


# --- exported datasets


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


def test_nothing_there_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(ArtefactError, match="must be a journal's folder or an exported dataset"):
            validate(path)
    assert main(["validate", str(tmp_path)]) == 2
    assert "error: " in capsys.readouterr().err


def test_the_command_prints_every_finding(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in (1, 2):
        rewrite(whole / SESSIONS, line, lambda record: record["steps"][0].update(propensity=0))
    recarded(whole)
    assert main(["validate", str(whole)]) == 1
    *findings, summary = capsys.readouterr().out.splitlines()
    assert len(findings) == 2 and all("propensity: 0 is outside (0, 1]" in finding for finding in findings)
    assert summary.endswith("20 sessions replayed: 2 findings")
