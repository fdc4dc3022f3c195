from __future__ import annotations

import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ilrec_gym.data import InteractionData, load_dataset
from ilrec_gym.data.bundle import build
from ilrec_gym.data.load import _bundled
from ilrec_gym.errors import DataError, StorageError
from ilrec_gym.files import read_arrays

Disk = Callable[[int], AbstractContextManager[None]]
SHIPPED = Path(str(resources.files("ilrec_gym.data") / "bundled"))
CHECKSUM = "a56f235016cf9d215295556a856eb873210d2b6172ceb3af83b41e1f8e9181b1"


def test_the_bundled_set_is_the_whole_set(bundled: InteractionData) -> None:
    log, items = bundled.interactions, bundled.items
    assert (len(log), len(bundled.users), len(items)) == (100_836, 610, 9742)
    assert bundled.checksum == CHECKSUM
    assert bundled.name == "ml-latest-small" and bundled.rating_scale == (0.5, 5)
    assert log.rating.mean() == pytest.approx(3.501557, abs=1e-6)
    assert np.unique(log.rating).tolist() == [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]
    assert (log.timestamp.min(), log.timestamp.max()) == (828124615, 1537799250)
    assert bundled.users.id.tolist() == list(range(1, 611)) and items.id[-1] == 193609
    matrix = items.title.index("The Matrix (1999)")
    assert items.id[matrix] == 2571 and items.year[matrix] == 1999
    assert [items.genre_names[g] for g in np.flatnonzero(items.genres[matrix])] == ["Action", "Sci-Fi", "Thriller"]
    assert (~items.genres.any(axis=1)).sum() == 34


def test_it_loads_fast(bundled: InteractionData) -> None:
    started = time.perf_counter()
    assert _bundled.__wrapped__("ml-latest-small.npz").checksum == bundled.checksum
    assert time.perf_counter() - started < 0.2  # measured: 0.02 s


def test_its_terms_lie_beside_it_and_it_is_small() -> None:
    terms = (SHIPPED / "README.txt").read_text(encoding="utf-8")
    assert "The user may redistribute the data set, including transformations, so long as" in terms
    assert (SHIPPED / "ml-latest-small.npz").stat().st_size < 600_000
    assert {path.name for path in SHIPPED.iterdir()} == {
        "README.txt",
        "ml-latest-small.npz",
        "ml-latest-small.factors.npz",
    }


@pytest.mark.ml1m
def test_the_command_makes_it_again_from_the_original(ml_data_dir: Path, tmp_path: Path) -> None:
    original = ml_data_dir / "ml-latest-small.zip"
    command = [sys.executable, "-W", "error", "-m", "ilrec_gym.data.bundle"]
    command += ["--source", str(original), "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "ml-latest-small.npz" in done.stdout, done.stderr
    made, shipped = (read_arrays(folder / "ml-latest-small.npz") for folder in (tmp_path, SHIPPED))
    assert made.keys() == shipped.keys()
    assert all(np.array_equal(made[name], shipped[name]) for name in made)
    with zipfile.ZipFile(original) as archive:
        terms = archive.read("ml-latest-small/README.txt")
    assert (SHIPPED / "README.txt").read_bytes() == (tmp_path / "README.txt").read_bytes() == terms


@pytest.mark.ml1m
def test_parsed_from_the_original_it_is_the_same(ml_data_dir: Path, bundled: InteractionData) -> None:
    assert load_dataset("ml-latest-small", ml_data_dir).checksum == bundled.checksum


def test_the_same_source_gives_the_same_bytes(archives: Any, tmp_path: Path) -> None:
    source = archives.zip("ml-latest-small")
    first, second = (build(source, tmp_path / name).read_bytes() for name in "ab")
    assert first == second


def test_a_wrong_source_leaves_nothing(archives: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="README.txt"):
        build(archives.zip("ml-latest-small", README_txt=None), tmp_path / "out")
    with pytest.raises(DataError, match="rating must lie"):
        bad = b"userId,movieId,rating,timestamp\n1,1,9,5\n"
        build(archives.zip("ml-latest-small", ratings_csv=bad), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_named_and_leaves_what_was_there(archives: Any, tmp_path: Path, full_disk: Disk) -> None:
    source, target = archives.zip("ml-latest-small"), tmp_path / "ml-latest-small.npz"
    target.write_text("as before")
    with full_disk(500), pytest.raises(StorageError, match="must be writable"):
        build(source, tmp_path)
    assert target.read_text() == "as before"
    assert {path.name for path in tmp_path.iterdir()} == {"archives", "ml-latest-small.npz"}


def test_an_installation_without_the_file_says_so() -> None:
    with pytest.raises(DataError, match=r"readable other\.npz") as caught:
        _bundled("other.npz")
    assert "install ilrec-gym again" in str(caught.value)
