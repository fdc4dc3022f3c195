"""A process that is killed while it collects loses no finished session, and going on doubles none.

In the end the files are those of a run that nobody disturbed, byte for byte but for times.
"""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ilrec_agents import make_agent
from ilrec_demos.cli import main
from ilrec_demos.collect import collect
from ilrec_demos.export import export
from ilrec_demos.header import NAME
from ilrec_demos.journal import SESSIONS, Journal
from ilrec_demos.places import artefact_of, files_of
from ilrec_demos.validation import validate
from ilrec_gym.cards import card_path

N, BATCH, KILLS = 240, 8, 20
COLLECT = ["collect", "--agent", "logging", "--sessions", str(N), "--batch-size", str(BATCH), "--seed", "7"]
STARTING = 1.5  # seconds that a process takes to begin, at most, on a machine that is not busy
TIMES = re.compile(rb'"(?:seconds|ms)":[-+.\de]+')


def test_killed_at_random_moments(tmp_path: Path, env: Any) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    assert main([*COLLECT, "--out", str(whole)]) == 0
    total = (whole / SESSIONS).stat().st_size
    draw, moments, kept = random.Random(0), [], b""
    while len(moments) < KILLS:
        moments.append(_kill(_start(killed), killed / SESSIONS, total, draw))
        content = _content(killed)
        assert content.startswith(kept), "what was finished before stays as it was"
        assert len(content) < total, "killed before it had finished"
        if draw.random() < 0.5:  # as if a disk had lost the end of the file
            content = _cut(killed / SESSIONS, draw.randint(max(0, len(content) - 30_000), len(content)))
        kept = content[: content.rfind(b"\n") + 1]
        numbers = [json.loads(line)["session"] for line in kept.splitlines()]
        assert len(set(numbers)) == len(numbers), "no session is there twice"
        if (killed / NAME).exists():
            assert {f.what.split(",")[0] for f in validate(killed, partial=True, replay=False).findings} <= {"torn"}
    assert len({moment for moment in moments if moment}) > KILLS / 2, "most kills hit a process that was writing"
    assert _start(killed).wait(timeout=120) == 0
    assert without_times(_content(killed)) == without_times(_content(whole))
    assert (killed / NAME).read_bytes() == (whole / NAME).read_bytes()
    assert facts(killed / SESSIONS) == facts(whole / SESSIONS)
    assert validate(killed).fine


def test_exports_are_the_same_too(tmp_path: Path, journal: Journal, env: Any) -> None:
    """A journal whose lines were torn off and written again gives the same files in every form."""
    lines = (journal.path / SESSIONS).read_bytes().splitlines(keepends=True)
    torn = tmp_path / "torn"
    torn.mkdir()
    (torn / NAME).write_bytes((journal.path / NAME).read_bytes())
    (torn / SESSIONS).write_bytes(b"".join(lines[:5]) + lines[5][:99])
    again = collect(make_agent("logging", env), env, torn, sessions=len(lines), batch_size=BATCH, resume=True)
    for form, name in (("d3rlpy", "set.h5"), ("jsonl", "set"), ("minari", "sets")):
        one = export(journal, tmp_path / "one" / name, env, form=form)[1]
        other = export(again, tmp_path / "other" / name, env, form=form)[1]
        for a, b in zip(files_of(one), files_of(other), strict=True):
            if form == "jsonl" and a.name in ("sessions.jsonl", "steps.jsonl"):
                assert without_times(a.read_bytes()) == without_times(b.read_bytes())
            elif a != card_path(artefact_of(one)) and not (form == "jsonl" and a.name == "README.md"):
                assert a.read_bytes() == b.read_bytes(), a.name


def without_times(content: bytes) -> list[bytes]:
    return TIMES.sub(b"", content).splitlines()


def facts(sessions: Path) -> dict[str, Any]:
    card = json.loads(card_path(sessions).read_text())
    return {key: value for key, value in card.items() if key not in ("created", "seconds", "sha256", "seal")}


def _start(out: Path) -> subprocess.Popen[bytes]:
    code = "import sys; from ilrec_gym.cli import main; sys.exit(main())"
    command = [sys.executable, "-W", "error", "-c", code, "demos", *COLLECT, "--out", str(out), "--resume"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _kill(process: subprocess.Popen[bytes], sessions: Path, total: int, draw: random.Random) -> int:
    """Kill the process at a random moment: while it starts, or once it has written so many bytes more.

    Returns:
        How many bytes the file had grown by then.
    """
    before, starts = _size(sessions), draw.random() < 0.2
    until = time.monotonic() + (draw.uniform(0, STARTING) if starts else 60)
    wanted = before + draw.randrange(1, total // (2 * KILLS))
    while _size(sessions) < wanted and time.monotonic() < until:
        assert process.poll() is None, f"it ended by itself, with {process.returncode}"
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=60) == -signal.SIGKILL
    return _size(sessions) - before


def _cut(path: Path, size: int) -> bytes:
    """Cut a file to so many bytes; what is left of it."""
    if not path.exists():
        return b""
    path.write_bytes(path.read_bytes()[:size])
    return path.read_bytes()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _content(folder: Path) -> bytes:
    return (folder / SESSIONS).read_bytes() if (folder / SESSIONS).exists() else b""
