"""A piece of a benchmark's work: a run, or what a log says of a run's agent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ilrec_agents.benchmark.runs.estimating import ESTIMATES, FILE, estimate
from ilrec_agents.benchmark.runs.plan import Job
from ilrec_agents.benchmark.runs.playing import RUN, RUNS, play
from ilrec_agents.benchmark.runs.questions import Question

Work = Job | Question


def do(work: Work, out: Path) -> dict[str, Any]:
    """Do it, and return its record."""
    return play(work, out) if isinstance(work, Job) else estimate(work, out)


def file_of(work: Work, out: Path) -> Path:
    """The file that is there when it is done."""
    return out / RUNS / work.key / RUN if isinstance(work, Job) else out / ESTIMATES / work.key / FILE
