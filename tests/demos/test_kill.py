"""A process that is killed while it collects loses no finished session, and going on doubles none."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import gymnasium as gym

from ilrec_agents import make_agent
from ilrec_demos.collect import collect
from ilrec_demos.journal import SESSIONS, Journal

from .conftest import ENV_ID

N, BATCH = 96, 8
SCRIPT = f"""
import sys
import gymnasium as gym
import ilrec_gym
from ilrec_agents import make_agent
from ilrec_demos.collect import collect
env = gym.make({ENV_ID!r})
collect(make_agent("logging", env), env, sys.argv[1], sessions={N}, batch_size={BATCH}, resume=True)
"""


def test_killed_at_random_moments(tmp_path: Path) -> None:
    path, draw, kills, kept = tmp_path / "killed", random.Random(0), 0, b""
    while True:
        process = subprocess.Popen([sys.executable, "-W", "error", "-c", SCRIPT, str(path)], stderr=subprocess.PIPE)
        finished = _kill_after(process, path / SESSIONS, len(kept) + draw.randrange(1, 120_000), draw)
        content = (path / SESSIONS).read_bytes()
        assert content.startswith(kept), "what was finished before stays as it was"
        kept = content[: content.rfind(b"\n") + 1]
        numbers = [json.loads(line)["session"] for line in kept.splitlines()]
        assert len(set(numbers)) == len(numbers), "no session is there twice"
        if finished:
            break
        kills += 1
    assert kills >= 5
    env = gym.make(ENV_ID)
    whole = collect(make_agent("logging", env), env, tmp_path / "whole", sessions=N, batch_size=BATCH)
    killed = Journal.read(path)
    assert [session.without_times() for session in killed.sessions] == [s.without_times() for s in whole.sessions]
    assert killed.header == whole.header


def _kill_after(process: subprocess.Popen[bytes], sessions: Path, size: int, draw: random.Random) -> bool:
    """Kill the process some milliseconds after the file has grown to ``size``; True if it ended well before that."""
    while process.poll() is None:
        if sessions.exists() and sessions.stat().st_size >= size:
            time.sleep(draw.uniform(0, 0.03))
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.001)
    assert process.stderr is not None
    said = process.stderr.read().decode()
    code = process.wait(timeout=60)
    process.stderr.close()
    assert code in (0, -signal.SIGKILL), said
    return code == 0
