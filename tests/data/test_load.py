from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from ilrec_gym.data import InteractionData, load_dataset
from ilrec_gym.errors import DataError, UnknownNameError

Says = Callable[..., None]
Disk = Callable[[int], AbstractContextManager[None]]


def _kept(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.rglob("*") if path.is_file())


def test_an_unknown_name_gets_the_nearest_known_one(says: Says) -> None:
    with pytest.raises(UnknownNameError) as caught:
        load_dataset("ml-1M")
    says(caught.value, "ml-100k, ml-1m, ml-latest-small", "'ml-1M'", "did you mean 'ml-1m'?")


def test_the_bundled_set_needs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_cache: Path) -> None:
    monkeypatch.setenv("ILREC_DATA", str(tmp_path))
    assert load_dataset() is load_dataset("ml-latest-small", download=False)
    assert not empty_cache.exists()


def test_a_path_may_be_the_archive_its_folder_or_the_folder_around(archives: Any) -> None:
    one = load_dataset("ml-1m", archives.zip("ml-1m"))
    assert load_dataset("ml-1m", archives.folder).checksum == one.checksum
    (archives.folder / "ml-1m.zip").unlink()
    unpacked = archives.unpacked("ml-1m")
    assert load_dataset("ml-1m", unpacked).checksum == one.checksum
    assert load_dataset("ml-1m", str(archives.folder)).checksum == one.checksum


def test_the_order_of_places(archives: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = archives.zip("ml-1m", to=tmp_path / "given.zip", ratings_dat=b"1::10::1::1\n")
    archives.zip("ml-1m", to=tmp_path / "own" / "ml-1m.zip", ratings_dat=b"1::10::2::1\n")
    monkeypatch.setenv("ILREC_DATA", str(tmp_path / "own"))
    assert load_dataset("ml-1m", given).interactions.rating.tolist() == [1]
    assert load_dataset("ml-1m", download=False).interactions.rating.tolist() == [2]
    shutil.rmtree(tmp_path / "own")
    (tmp_path / "own").mkdir()
    with pytest.raises(DataError, match="downloading is off"):
        load_dataset("ml-1m", download=False)


def test_ilrec_data_must_be_a_folder(monkeypatch: pytest.MonkeyPatch, says: Says) -> None:
    monkeypatch.setenv("ILREC_DATA", "/no/such/folder")
    with pytest.raises(DataError) as caught:
        load_dataset("ml-1m")
    says(caught.value, "ILREC_DATA", "/no/such/folder")


def test_a_missing_path_is_named(tmp_path: Path, says: Says) -> None:
    with pytest.raises(DataError) as caught:
        load_dataset("ml-1m", tmp_path / "nothing.zip")
    says(caught.value, "ratings.dat, movies.dat, users.dat", "nothing.zip")


@pytest.mark.parametrize("size", [0, 10, 400, -1])
def test_a_truncated_zip_is_named_and_nothing_is_kept(archives: Any, says: Says, empty_cache: Path, size: int) -> None:
    path = archives.zip("ml-1m")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DataError) as caught:
        load_dataset("ml-1m", path)
    says(caught.value, "whole zip archive", "BadZipFile", "broke off")
    assert not empty_cache.exists()


def test_a_changed_byte_in_a_zip_is_found(archives: Any, says: Says) -> None:
    path = archives.zip("ml-1m")
    content = bytearray(path.read_bytes())
    content[content.index(b"ml-1m/ratings.dat") + 30] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_dataset("ml-1m", path)
    says(caught.value, "whole zip archive")


def test_a_zip_of_something_else_says_what_was_expected_and_found(archives: Any, says: Says) -> None:
    with pytest.raises(DataError) as caught:
        load_dataset("ml-1m", archives.zip("ml-100k"))
    says(caught.value, "ratings.dat, movies.dat, users.dat", "ml-100k/u.data, ml-100k/u.item, ml-100k/u.user")


def test_an_incomplete_folder_says_what_was_expected_and_found(archives: Any, says: Says) -> None:
    with pytest.raises(DataError) as caught:
        load_dataset("ml-1m", archives.unpacked("ml-1m", users_dat=None))
    says(caught.value, "ratings.dat, movies.dat, users.dat", "README, movies.dat, ratings.dat", "fully unpacked")


def test_a_file_that_is_no_zip_is_named(tmp_path: Path, says: Says) -> None:
    (tmp_path / "ratings.dat").write_text("1::10::5::100\n")
    with pytest.raises(DataError) as caught:
        load_dataset("ml-1m", tmp_path / "ratings.dat")
    says(caught.value, "whole zip archive", "another kind")


def test_what_was_parsed_is_kept_by_content(archives: Any, empty_cache: Path) -> None:
    path = archives.zip("ml-1m")
    first = load_dataset("ml-1m", path)
    assert len(_kept(empty_cache)) == 1 and _kept(empty_cache)[0].startswith("ml-1m-")
    again = load_dataset("ml-1m", path)
    assert again.checksum == first.checksum and again.name == first.name
    assert {name: values.dtype for name, values in again.users.features.items()} == {
        name: values.dtype for name, values in first.users.features.items()
    }
    archives.zip("ml-1m", ratings_dat=b"1::10::1::1\n")
    assert load_dataset("ml-1m", path).interactions.rating.tolist() == [1]
    assert len(_kept(empty_cache)) == 2


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "foreign", "older"])
def test_a_damaged_cache_file_is_made_again(
    archives: Any, empty_cache: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    import numpy as np

    path = archives.zip("ml-1m")
    expected = load_dataset("ml-1m", path)
    (kept,) = (empty_cache / "data").iterdir()
    content = kept.read_bytes()
    if damage == "foreign":
        np.savez(kept, x=np.arange(3))
    elif damage == "older":
        with np.load(kept) as archive:
            np.savez(kept, **{**archive, "format": np.array([0])})
    else:
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]
        kept.write_bytes({"truncated": content[:middle], "flipped": flipped, "empty": b""}[damage])
    with caplog.at_level(logging.WARNING):
        assert load_dataset("ml-1m", path).checksum == expected.checksum
    assert "is damaged and is made again" in caplog.text
    assert kept.read_bytes() == content
    assert _kept(empty_cache) == [kept.name]


def test_a_cache_that_cannot_be_written_is_done_without(
    archives: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ILREC_CACHE", str(tmp_path / "file"))
    with caplog.at_level(logging.WARNING):
        assert len(load_dataset("ml-1m", archives.zip("ml-1m")).items) == 3
    assert "cannot be kept" in caplog.text


def test_a_full_disk_leaves_no_half_written_cache_file(
    archives: Any, empty_cache: Path, full_disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    path = archives.zip("ml-1m")
    with full_disk(500), caplog.at_level(logging.WARNING):
        data: InteractionData = load_dataset("ml-1m", path)
    assert len(data.items) == 3 and "cannot be kept" in caplog.text
    assert _kept(empty_cache) == []
