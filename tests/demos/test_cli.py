"""``ilrec demos``: the three subcommands, and what they say when something is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ilrec_demos.cli import main
from ilrec_demos.journal import Journal
from ilrec_gym.console import settings
from ilrec_gym.errors import UsageError

COLLECT = ["collect", "--agent", "logging", "--sessions", "5", "--set-env", "max_steps=6"]


@pytest.fixture
def out(tmp_path: Path) -> str:
    return str(tmp_path / "log")


def test_collect_export_inspect(out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COLLECT, "--out", out, "--seed", "3", "--set", "temperature=0.5", "--batch-size", "2"]) == 0
    header = Journal.read(out).header
    assert (header.seed, header.agent["seed"], header.batch_size, header.task["max_steps"]) == (3, 3, 2, 6)
    assert header.agent["config"]["temperature"] == 0.5
    assert "5 of 5 sessions with logging" in capsys.readouterr().out

    target = tmp_path / "log.h5"
    assert main(["export", out, "--out", str(target), "--transcript", "2"]) == 0
    assert "5 episodes, 30 transitions, 20 actions" in capsys.readouterr().out
    assert json.loads((tmp_path / "log.h5.card.json").read_text())["kind"] == "dataset"
    assert (tmp_path / "log.transcript.md").exists()

    assert main(["inspect", out, "--session", "4", "--session", "1"]) == 0
    said = capsys.readouterr().out
    assert said.index("Session 4,") < said.index("Session 1,") and "Session 2," not in said
    assert main(["inspect", out, "--first", "2"]) == 0
    assert capsys.readouterr().out.count("Liked before") == 2
    assert main(["inspect", str(target)]) == 2
    said = capsys.readouterr().err
    assert "inspect shows the folders of journals" in said and "damaged" not in said


def test_less_than_no_session_is_none(out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COLLECT, "--out", out]) == 0
    assert main(["inspect", out, "--first", "-1"]) == 2
    assert "--first must be a whole number, at least 0" in capsys.readouterr().err
    assert main(["export", out, "--out", str(tmp_path / "log.h5"), "--transcript", "-1"]) == 2
    assert "transcript must be a whole number of sessions, at least 0" in capsys.readouterr().err
    assert not (tmp_path / "log.h5").exists()


def test_resume(out: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COLLECT, "--out", out]) == 0
    assert main([*COLLECT, "--out", out]) == 2
    assert "--resume" in capsys.readouterr().err
    assert main([*COLLECT, "--out", out, "--resume"]) == 0
    assert main([*COLLECT, "--out", out, "--resume", "--set", "temperature=0.9"]) == 2
    assert "different: agent.config.temperature" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--agent", "loging"], "did you mean 'logging'"),
        (["--env", "ilrec/MovieLens-v1"], "did you mean 'ilrec/MovieLens-v0'"),
        (["--dataset", "ml-2m"], "did you mean"),
        (["--split", "test"], "--allow-test-users"),
        (["--split", "tset"], "did you mean 'test'"),
        (["--set", "temprature=1"], "did you mean 'temperature'"),
        (["--set", "temperature"], "KEY=VALUE"),
        (["--set-env", "max_step=3"], "max_step"),
        (["--set-env", "max_steps=3"], "each key once"),
        (["--sessions", "0"], "at least 1"),
        (["--seed", "-1"], "seed"),
    ],
)
def test_what_is_wrong_is_said(out: str, more: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COLLECT, "--out", out, *more]) == 2
    printed = capsys.readouterr()
    assert said in printed.err and printed.err.startswith("error: ") and not printed.out
    assert not Path(out).exists()


def test_no_journal(out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", out, "--out", str(tmp_path / "x.h5")]) == 2
    assert main(["inspect", out]) == 2
    assert capsys.readouterr().err.count("must exist") == 2
    assert list(tmp_path.iterdir()) == []


def test_no_such_session(out: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COLLECT, "--out", out]) == 0
    assert main(["inspect", out, "--session", "9"]) == 2
    assert "received: 9" in capsys.readouterr().err


def test_no_folder_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main([*COLLECT, "--out", str(tmp_path / "file" / "log")]) == 2
    assert "must be writable" in capsys.readouterr().err


def test_help_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    said = capsys.readouterr().out
    assert all(name in said for name in ("collect", "export", "inspect"))


def test_values_are_json_or_words() -> None:
    given = ["a=1", "b=0.5", "c=true", "d=null", "e=word", 'f={"name": "satiation"}', "g=x=y", "h="]
    assert settings("--set", given) == {
        "a": 1, "b": 0.5, "c": True, "d": None, "e": "word", "f": {"name": "satiation"}, "g": "x=y", "h": "",
    }  # fmt: skip
    for wrong in ("a", "=1", "a b=1"):
        with pytest.raises(UsageError, match="KEY=VALUE"):
            settings("--set", [wrong])
