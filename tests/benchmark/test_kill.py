"""A benchmark that is killed at any moment loses no finished run, does none twice, and ends as if nothing had been."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ilrec_agents.benchmark.runs.folder import Folder, Run
from ilrec_agents.benchmark.runs.runner import Runner
from ilrec_agents.benchmark.runs.suites import suite

pytest.importorskip("joblib")
pytest.importorskip("pyarrow")
pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

SEEDS = 10
AGENTS, ENV = ["retriever_random", "greedy"], '{"id": "ilrec/MovieLens-Candidates-v0", "kwargs": {"max_steps": 20}}'


def alone(out: Path, seeds: int) -> list[Run]:
    """The same runs in this process, without interruption."""
    Runner(out, 1, quiet=True).run(suite("quick", agents=AGENTS, envs=[ENV], seeds=seeds, users=8))
    return Folder(out).runs()


def start(out: Path, seeds: int, *more: str) -> subprocess.Popen[bytes]:
    code = "import sys; from ilrec_gym.cli import main; sys.exit(main(['benchmark', *sys.argv[1:]]))"
    asked = ["--agents", *AGENTS, "--envs", ENV, "--seeds", str(seeds), "--users", "8", "--out", str(out), *more]
    command = [sys.executable, "-c", code, *asked]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def finished(out: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in out.glob("runs/[!.]*/run.json")}


def test_killed_at_random_moments(tmp_path: Path) -> None:
    out, draw, kept = tmp_path / "killed", random.Random(0), dict[str, bytes]()
    for everybody in (True, False):  # its workers too, or the command alone
        process = start(out, SEEDS)
        while len(finished(out)) < len(kept) + 3 and process.poll() is None:
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 0.2))
        assert process.poll() is None, process.communicate()[1].decode()
        (os.killpg if everybody else os.kill)(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)  # the pipes close when the workers have ended, too
        found = finished(out)
        assert kept.items() <= found.items(), "what was finished stays as it was"
        kept = found
    process = start(out, SEEDS)
    said, told = process.communicate(timeout=240)
    assert process.returncode == 0, told.decode()
    assert kept.items() <= finished(out).items() and b"| `greedy` (heuristic) |" in said
    assert not list(out.glob("runs/.*"))
    same(out, alone(tmp_path / "whole", SEEDS))


def test_on_ray(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    process = start(tmp_path / "ray", 2, "--jobs", "2", "--backend", "ray")
    _, told = process.communicate(timeout=240)
    assert process.returncode == 0, told.decode()
    same(tmp_path / "ray", alone(tmp_path / "here", 2))


def same(out: Path, runs: list[Run]) -> None:
    """Whether a folder holds just these runs."""
    assert len(finished(out)) == len(runs)
    for ours, theirs in zip(Folder(out).runs(), runs, strict=True):
        assert ours.job == theirs.job
        np.testing.assert_array_equal(ours.evaluation.log.items, theirs.evaluation.log.items)
        np.testing.assert_array_equal(ours.evaluation.log.ratings, theirs.evaluation.log.ratings)
