"""Validation: what is sound has no findings; whatever is planted is found, with its place, and nothing else is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from ilrec_agents import make_agent
from ilrec_demos.cli import main
from ilrec_demos.collect import collect
from ilrec_demos.export import export
from ilrec_demos.journal import SESSIONS, Journal
from ilrec_demos.seal import write_sealed
from ilrec_demos.validation import validate
from ilrec_demos.validation.findings import ranges
from ilrec_gym.cards import card_path
from ilrec_gym.errors import ArtefactError
from ilrec_gym.files import sha256

from .damaging import Record, change_json, found, rewrite

CARD = card_path(SESSIONS).name


def recarded(folder: Path) -> None:
    """Let the card name the checksum of the file as it is now, so that only what is in it is wrong."""
    card = json.loads((folder / CARD).read_text())
    write_sealed(folder / SESSIONS, card | {"sha256": sha256(folder / SESSIONS)})


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
    ids=lambda value: value if isinstance(value, str) else "changed",
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
