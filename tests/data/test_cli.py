from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from ilrec_gym.data import DATASETS
from ilrec_gym.data.cli import main


def test_list_names_every_set_and_where_it_is(
    archives: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    archives.zip("ml-100k")
    monkeypatch.setenv("ILREC_DATA", str(archives.folder))
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in DATASETS)
    assert "comes with the package" in out
    assert f"at {archives.folder / 'ml-100k.zip'} (ILREC_DATA)" in out
    assert "would be downloaded from https://files.grouplens.org/datasets/movielens/ml-1m.zip" in out


def test_info_tells_counts_and_splits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "ml-latest-small"]) == 0
    out = capsys.readouterr().out
    for words in ("100,836", "90,274", "9,742", "3,650", "0.5 to 5", "1.70%", "a56f235016cf", " train, "):
        assert words in out


def test_info_takes_a_path(archives: Any, capsys: pytest.CaptureFixture[str]) -> None:
    many = b"".join(b"%d::10::4::1\n" % user for user in range(1, 6))
    users = b"".join(b"%d::F::1::10::48067\n" % user for user in range(1, 6))
    path = archives.zip("ml-1m", ratings_dat=many, users_dat=users)
    assert main(["info", "ml-1m", "--path", str(path)]) == 0
    assert "gender, age, occupation, zip" in capsys.readouterr().out


def test_fetch_of_the_bundled_set_has_nothing_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "ml-latest-small"]) == 0
    assert "nothing to fetch" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["info", "ml-1n"], "did you mean 'ml-1m'?"),
        (["fetch", "ml-1n"], "did you mean 'ml-1m'?"),
        (["info", "ml-1m", "--path", "/no/such.zip"], "/no/such.zip"),
    ],
)
def test_errors_go_to_stderr_and_end_with_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("error: ") and words in captured.err


def test_a_wrong_option_ends_with_2() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["inform"])
    assert caught.value.code == 2


@pytest.mark.parametrize("module", ["ilrec_gym.data", "ilrec_gym.data.cli"])
def test_importing_brings_no_more_than_numpy(module: str) -> None:
    code = f"import sys, {module}; print(*{{'numpy', 'pooch', 'requests', 'torch', 'pandas'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["numpy"]
