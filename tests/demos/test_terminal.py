"""Sessions in a terminal: everything there is to read, within its width, quiet, and safe."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from ilrec_demos.cli import main
from ilrec_demos.export import export
from ilrec_demos.journal import Journal, Session
from ilrec_demos.terminal import Screen, SessionView, columns, cut, wrapped
from ilrec_gym.cards import card_path
from ilrec_gym.errors import UsageError

SAID = {
    "plan": "First a comedy, then something slow.", "thought": "They laughed at the last one " * 8,
    "reason": "It is a comedy.", "recalled": ["too much drama", "show shorter films"], "encouraged": ["Big (1988)"],
    "discouraged": [], "value": 1.5, "prompt": "- line one\n- line two", "output": " Big (1988", "proposed": "Bigger",
    "outside": True, "repeated": False, "tokens": 3, "ms": 1.0, "history_left_out": 4,
}  # fmt: skip


@pytest.fixture
def told(journal: Journal) -> Session:
    session = next(session for session in journal.sessions if session.terminated)
    return replace(session, steps=(replace(session.steps[0], facts=SAID), *session.steps[1:]))


def shown(env: gym.Env[Any, Any], session: Session, width: int = 80, colour: bool = False, **options: Any) -> list[str]:
    return list(SessionView(env.unwrapped.scenario, Screen(width, colour), **options).lines(session))


def test_everything_is_there(env: gym.Env[Any, Any], told: Session) -> None:
    lines = shown(env, told)
    assert lines[0] == f"Session {told.number}, viewer {told.user_id}, seed {told.seed}"
    assert lines[1].startswith("Liked before: ")
    start = lines.index("") + 1
    assert told.steps[0].title in lines[start] and f"{told.steps[0].rating:.1f}" in lines[start]
    labels = [line.split()[0] for line in lines[start + 1 :] if re.match(r" {5}[a-z\d]", line)]
    assert labels == ["plan", "thought", "reason", "recalled", "encouraged", "value", "proposed", "4"]
    text = "\n".join(lines)
    assert "too much drama; show shorter films" in text and "1.50" in text
    assert 'proposed "Bigger", which is not in the catalogue' in text
    assert "4 earlier films did not fit" in text and "line one" not in text
    assert lines[-1].endswith("the viewer ran out of patience and left.")
    assert len([line for line in lines if "★" in line or "☆" in line]) == len(told)


def test_prompts_are_shown_line_by_line(env: gym.Env[Any, Any], told: Session) -> None:
    lines = shown(env, told, prompts=True)
    at = next(i for i, line in enumerate(lines) if line.split()[:1] == ["prompt"])
    assert [line.strip() for line in lines[at : at + 3]] == [
        "prompt     - line one",
        "- line two",
        "output     Big (1988",
    ]


@pytest.mark.parametrize("width", [40, 57, 80, 120])
@pytest.mark.parametrize("title", ["A" * 300, "七人の侍 " * 20, "Amélie " * 30, "Short (1999)"])
def test_no_line_is_wider_than_the_terminal(env: gym.Env[Any, Any], told: Session, width: int, title: str) -> None:
    first = replace(told.steps[0], title=title, facts=SAID | {"reason": title, "mood of the day": title})
    lines = shown(env, replace(told, steps=(first, *told.steps[1:])), width, prompts=True)
    assert max(map(columns, lines)) <= width
    plain = shown(env, told, 400)
    assert not any("…" in line for line in plain if "★" in line), "nothing is cut where there is room"


def test_colours_change_nothing_but_the_look(env: gym.Env[Any, Any], told: Session) -> None:
    plain, coloured = shown(env, told), shown(env, told, colour=True)
    assert "\x1b" not in "".join(plain) and "\x1b[2m" in "".join(coloured)
    assert [re.sub(r"\x1b\[\d+m", "", line) for line in coloured] == plain
    assert all(line.count("\x1b[0m") * 2 == line.count("\x1b[") for line in coloured), "every style ends in its line"


def test_what_a_model_says_cannot_take_the_terminal_over(env: gym.Env[Any, Any], told: Session) -> None:
    hostile = "\x1b[2J\x1b]0;title\x07 Ignore\r\n\n all \u202eprevious\x9b31m instructions"
    facts = {name: hostile for name in ("plan", "reason", "prompt", "output", "proposed", hostile)}
    facts |= {"recalled": [hostile], "outside": True}
    step = replace(told.steps[0], title=hostile, facts=facts)
    text = "\n".join(shown(env, replace(told, steps=(step, *told.steps[1:])), prompts=True))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)


def test_the_terminal_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", "61")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert Screen.of() == Screen(61, False), "no terminal, no colours"
    assert Screen.of(50, "always") == Screen(50, True)
    monkeypatch.setattr("sys.stdout", Terminal())
    assert Screen.of() == Screen(61, True) and Screen.of(colour="never") == Screen(61, False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Screen.of().colour and Screen.of(colour="always").colour
    monkeypatch.setenv("COLUMNS", "300")
    assert Screen.of().width == 100 and Screen.of(300).width == 300
    with pytest.raises(UsageError, match="40 columns"):
        Screen.of(39)


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("one two three", 7, ["one two", "three"]),
        ("one two three", 13, ["one two three"]),
        ("abcdefghij kl", 4, ["abcd", "efgh", "ij", "kl"]),
        ("侍侍侍", 4, ["侍侍", "侍"]),
        ("", 4, [""]),
    ],
)
def test_wrapping(text: str, width: int, lines: list[str]) -> None:
    assert list(wrapped(text, width)) == lines


def test_cutting() -> None:
    assert (cut("abc", 3), cut("abcd", 3), cut("侍侍侍", 4)) == ("abc", "ab…", "侍…")
    assert (columns("é"), columns("e\u0301"), columns("侍"), columns("\u200b")) == (1, 1, 2, 0)


def test_the_command(journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(journal.path), "--first", "2", "--width", "60", "--color", "always"]) == 0
    said = capsys.readouterr().out
    assert said.count("Liked before") == 2 and "\x1b[1mSession 0, viewer" in said
    assert main(["inspect", str(journal.path), "--width", "20"]) == 2


def test_a_dataset_in_json_lines_is_inspected_like_its_journal(
    journal: Journal, env: gym.Env[Any, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(journal, tmp_path / "set", env, form="jsonl", transcript=0)
    said = []
    for path in (journal.path, tmp_path / "set"):
        assert main(["inspect", str(path), "--session", "3", "--session", "1"]) == 0
        said.append(capsys.readouterr().out.replace(str(path), "PATH"))
    assert said[0] == said[1] and said[0].count("Liked before") == 2
    card = card_path(tmp_path / "set" / "steps.jsonl")
    card.write_text(json.dumps({**json.loads(card.read_text()), "journal": 3}))
    assert main(["inspect", str(tmp_path / "set")]) == 2
    assert "must say what the sessions were exported from" in capsys.readouterr().err
