"""The named datasets of a benchmark: each made once per environment, and shared by all who learn from it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ilrec_agents.benchmark.runs.plan import Job
from ilrec_agents.datasets import make_dataset
from ilrec_gym.errors import ILRecError
from ilrec_gym.files import fingerprint

FOLDER = "datasets"


def data_file(out: Path, job: Job, env: Any) -> Path:
    """The dataset of a job, made unless it is there and unchanged.

    Args:
        out: The benchmark's folder.
        job: The job.
        env: Its environment with train users.
    """
    plan = job.env
    readable = re.sub(r"[^a-z0-9]+", "-", plan.label.lower()).strip("-")
    place = f"{readable[:60]}-{fingerprint(plan.id, dict(plan.kwargs))[:8]}"
    return make_dataset(job.entrant.data, env, out / FOLDER / place, steps=job.data_steps)


def settle_data(out: Path, jobs: Sequence[Job]) -> None:
    """Make the datasets that these jobs learn from, before they start; what cannot be made is told of by its runs."""
    for job in {(repr(job.env), job.entrant.data, job.data_steps): job for job in jobs if job.entrant.data}.values():
        with contextlib.suppress(ILRecError):
            data_file(out, job, job.env.make("train"))
