"""What is written replaces what it is meant to replace, whole or not at all, and nothing else."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from ilrec_gym.cards import checksums
from ilrec_gym.errors import StorageError, UsageError
from ilrec_gym.files import ANY_FOLDER, check_target, replacing, settle, sha256, write_json

MARK = "thing.json"


class Killed(BaseException):
    """As if the process ended there."""


def write(target: Path, text: str, mark: str = MARK) -> None:
    """A folder with the mark, and the text in it."""
    with replacing(target, mark=mark) as draft:
        draft.mkdir()
        (draft / MARK).write_text(text)


def content(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def at_move(number: int, what: BaseException) -> Any:
    """``os.replace``, but that the move of that number is not made."""
    real, calls = os.replace, []

    def replace(source: Any, target: Any) -> None:
        calls.append(source)
        if len(calls) == number:
            raise what
        real(source, target)

    return replace


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    folder, begun = tmp_path / "mine", []
    folder.mkdir()
    (folder / "notes.txt").write_text("years of work")
    with pytest.raises(UsageError, match=r"one with thing\.json[\s\S]*notes\.txt"), replacing(folder, mark=MARK):
        begun.append(True)
    assert not begun, "refused before anything is made"
    assert content(tmp_path) == {"mine/notes.txt": "years of work"}


def test_a_folder_that_came_meanwhile_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"notes\.txt"), replacing(tmp_path / "new", mark=MARK) as draft:
        draft.mkdir()
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "notes.txt").write_text("kept")
    assert content(tmp_path) == {"new/notes.txt": "kept"} and len(list(tmp_path.iterdir())) == 1


def test_a_folder_gives_way_to_no_file_and_a_file_to_no_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("kept")
    with pytest.raises(UsageError, match="a folder"):
        write_json(tmp_path / "folder", 1)
    with pytest.raises(UsageError, match="a folder"):
        write_json(".", 1)
    with pytest.raises(UsageError, match="a file"):
        write(tmp_path / "file", "new")
    with pytest.raises(UsageError, match="a file"):
        write(tmp_path / "file", "new", ANY_FOLDER)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"] and (tmp_path / "folder").is_dir()
    assert (tmp_path / "file").read_text() == "kept"


def test_what_may_be_replaced_is(tmp_path: Path) -> None:
    for name, there, mark in (("new", None, MARK), ("empty", {}, MARK), ("ours", {MARK: "old", "more": "x"}, MARK),
                              ("any", {"more": "x"}, ANY_FOLDER)):  # fmt: skip
        if there is not None:
            (tmp_path / name).mkdir()
        for file, text in (there or {}).items():
            (tmp_path / name / file).write_text(text)
        check_target(tmp_path / name, mark=mark)
        write(tmp_path / name, "new", mark)
        assert content(tmp_path / name) == {MARK: "new"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["any", "empty", "new", "ours"]


def test_the_folder_behind_a_link_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk", target_is_directory=True)
    for text in ("first", "second"):
        write(tmp_path / "link", text)
    assert (tmp_path / "link").is_symlink() and content(tmp_path / "disk") == {MARK: "second"}


def test_a_move_that_fails_leaves_the_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "set", "old")
    monkeypatch.setattr(os, "replace", at_move(2, OSError("no")))
    with pytest.raises(StorageError):
        write(tmp_path / "set", "new")
    assert content(tmp_path) == {f"set/{MARK}": "old"} and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("again", [True, False])
def test_a_kill_between_the_moves_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: bool) -> None:
    write(tmp_path / "set", "old")
    monkeypatch.setattr(os, "replace", at_move(2, Killed()))
    with pytest.raises(Killed):
        write(tmp_path / "set", "new")
    monkeypatch.undo()
    assert list(content(tmp_path).values()) == ["old"] and not (tmp_path / "set").exists()
    if again:
        write(tmp_path / "set", "newest")
    else:
        with pytest.raises(ZeroDivisionError), replacing(tmp_path / "set", mark=MARK):
            _ = 1 / 0
    assert content(tmp_path) == {f"set/{MARK}": "newest" if again else "old"}
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


def test_what_a_kill_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path / "set", "there")
    leftover, stale = tmp_path / ".set.0123abcd.old", tmp_path / ".set.00000000.tmp"
    others = [".set.backup.old", ".other.0123abcd.tmp", ".set.1234567.old", ".set.11111111.tmp"]
    for name in (leftover.name, stale.name, *others):
        (tmp_path / name).mkdir()
    os.utime(stale, (time.time() - 2 * 86400,) * 2)
    write(tmp_path / "set", "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["set", *others]), "a young draft may be at work"
    settle(tmp_path, stale=-1)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".set.1234567.old", ".set.backup.old", "set"]


def test_checksums_keep_files_of_one_name_apart(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "log.h5" for folder in "ab"]
    for path in paths:
        path.parent.mkdir()
        path.write_text(path.parent.name)
    assert checksums(paths) == {"log.h5": sha256(paths[0]), "log.h5 (2)": sha256(paths[1])}
