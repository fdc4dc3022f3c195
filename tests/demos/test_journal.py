"""Journals on disk: a torn end costs the torn line, damage anywhere else is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ilrec_demos.journal import SESSIONS, Journal
from ilrec_demos.writer import JournalWriter
from ilrec_gym.cards import card_path
from ilrec_gym.errors import ArtefactError, StorageError, UsageError
from ilrec_gym.lines import whole_lines


def lines_of(folder: Path) -> list[bytes]:
    return (folder / SESSIONS).read_bytes().splitlines(keepends=True)


def test_reading_sorts_by_number(journal: Journal) -> None:
    written = [json.loads(line)["session"] for line in lines_of(journal.path)]
    assert [session.number for session in journal.sessions] == sorted(written) == list(range(len(written)))
    assert written != sorted(written), "sessions of one group end in another order than they begin"


def test_a_last_line_torn_at_any_byte_is_left_out_and_written_again(journal: Journal, tmp_path: Path) -> None:
    first, second = (replace(session, steps=session.steps[:2]) for session in journal.sessions[:2])
    with JournalWriter(tmp_path, journal.header) as writer:
        writer.append([first, second])
    kept, last = lines_of(tmp_path)
    for cut in range(len(last)):
        (tmp_path / SESSIONS).write_bytes(kept + last[:cut])
        assert Journal.read(tmp_path).sessions == (first,), cut
        assert (tmp_path / SESSIONS).stat().st_size == len(kept) + cut, "reading changes nothing"
        with JournalWriter(tmp_path, journal.header, resume=True) as writer:
            assert writer.done == {0}
            assert (tmp_path / SESSIONS).read_bytes() == kept
            writer.append([second])
        assert (tmp_path / SESSIONS).read_bytes() == kept + last


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.integers(0, 2**32))
def test_a_file_cut_anywhere_keeps_its_whole_lines(journal: Journal, folder: Path, where: int) -> None:
    content = (journal.path / SESSIONS).read_bytes()
    cut = where % (len(content) + 1)
    (folder / SESSIONS).write_bytes(content[:cut])
    read = Journal.read(folder)
    assert len(read.sessions) == content[:cut].count(b"\n")
    assert all(session == journal.sessions[session.number] for session in read.sessions)
    assert whole_lines(folder / SESSIONS) == content[:cut].rfind(b"\n") + 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.integers(0, 2**32), damage=st.sampled_from(["cut", "empty", "zeros", "not UTF-8"]))
def test_damage_before_the_end_names_its_line(journal: Journal, folder: Path, where: int, damage: str) -> None:
    lines = lines_of(journal.path)
    place = where % len(lines)
    line, cut = lines[place], 1 + where % (len(lines[place]) - 2)
    damaged = {"cut": line[:cut] + b"\n", "empty": b"\n", "zeros": bytes(cut) + b"\n", "not UTF-8": b"\xff" + line}
    lines[place] = damaged[damage]
    (folder / SESSIONS).write_bytes(b"".join(lines))
    with pytest.raises(ArtefactError, match=f"line {place + 1} of "):
        Journal.read(folder)


def test_a_session_that_is_there_twice_is_refused(folder: Path) -> None:
    lines = lines_of(folder)
    (folder / SESSIONS).write_bytes(b"".join([*lines, lines[2]]))
    with pytest.raises(ArtefactError, match=rf"line {len(lines) + 1} of .*\n.*twice, first in line 3"):
        Journal.read(folder)


@pytest.mark.parametrize("change", [{"session": 10**6}, {"session": -1}, {"seed": 5}], ids=str)
def test_a_session_of_another_journal_is_refused(folder: Path, change: dict[str, int]) -> None:
    first, *others = lines_of(folder)
    foreign = json.dumps(json.loads(first) | change).encode() + b"\n"
    (folder / SESSIONS).write_bytes(b"".join([foreign, *others]))
    with pytest.raises(ArtefactError, match="none of this journal"):
        Journal.read(folder)


def test_a_finished_journal_has_to_match_its_card(journal: Journal, folder: Path) -> None:
    card = card_path(journal.path / SESSIONS)
    (folder / card.name).write_bytes(card.read_bytes())
    assert Journal.read(folder).finished
    (folder / SESSIONS).write_bytes(b"".join(lines_of(folder)[:-1]))
    with pytest.raises(ArtefactError, match="damaged or changed"):
        Journal.read(folder)
    assert not Journal.read(folder, verify=False).finished


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 1}', '{"format": "1"}', "\x00"])
def test_a_damaged_header_is_refused(folder: Path, content: str) -> None:
    (folder / "journal.json").write_text(content)
    with pytest.raises(ArtefactError, match=r"journal\.json"):
        Journal.read(folder)


def test_another_version_is_refused(folder: Path) -> None:
    header = json.loads((folder / "journal.json").read_text())
    (folder / "journal.json").write_text(json.dumps(header | {"format": 99}))
    with pytest.raises(ArtefactError, match="another version"):
        Journal.read(folder)


def test_no_journal_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="must exist"):
        Journal.read(tmp_path / "nowhere")


def test_lines_without_a_header_are_not_taken_over(journal: Journal, folder: Path) -> None:
    (folder / "journal.json").unlink()
    with pytest.raises(ArtefactError, match="must be a new folder"):
        JournalWriter(folder, journal.header)
    assert lines_of(folder) == lines_of(journal.path)


def test_a_kill_before_the_first_session_leaves_an_empty_journal(journal: Journal, tmp_path: Path) -> None:
    with JournalWriter(tmp_path / "new", journal.header):
        pass
    (tmp_path / "new" / SESSIONS).unlink()
    assert Journal.read(tmp_path / "new").sessions == ()


def test_two_writers_at_once_are_refused(journal: Journal, tmp_path: Path) -> None:
    with (
        JournalWriter(tmp_path / "new", journal.header),
        pytest.raises(UsageError, match="one writer at a time"),
    ):
        JournalWriter(tmp_path / "new", journal.header, resume=True)
    with JournalWriter(tmp_path / "new", journal.header, resume=True) as writer:
        assert writer.done == set()


def test_a_session_is_written_once(journal: Journal, tmp_path: Path) -> None:
    with JournalWriter(tmp_path / "new", journal.header) as writer:
        writer.append([journal.sessions[1]])
        for again in ([journal.sessions[1]], [journal.sessions[2], journal.sessions[2]]):
            with pytest.raises(UsageError, match="written once"):
                writer.append(again)
    assert [session.number for session in Journal.read(tmp_path / "new").sessions] == [1]


def test_a_full_disk_costs_only_what_did_not_fit(
    journal: Journal, tmp_path: Path, full_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    first, second, third = journal.sessions[:3]
    size = len(first.to_line()) + len(second.to_line())
    with JournalWriter(tmp_path / "new", journal.header) as writer:
        writer.append([first])
        with full_disk(size - 1), pytest.raises(StorageError, match="--resume"):
            writer.append([second, third])
        assert lines_of(tmp_path / "new") == [first.to_line()]
        writer.append([third])
    assert Journal.read(tmp_path / "new").sessions == (first, third)


@pytest.mark.parametrize("place", ["file/below", "/dev/full/journal"])
def test_no_folder_there(journal: Journal, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="must be writable"):
        JournalWriter(tmp_path / place, journal.header)


def test_what_differs_is_named(journal: Journal) -> None:
    header = journal.header
    assert header.differences(header) == {}
    other = replace(header, seed=3, task=header.task | {"max_steps": 5}, agent=header.agent | {"name": "random"})
    assert header.differences(other) == {
        "task.max_steps": (header.task["max_steps"], 5), "agent.name": ("logging", "random"), "seed": (0, 3),
    }  # fmt: skip
