"""The named datasets of a benchmark: each made once per environment, and shared by all who learn from it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ilrec_agents.benchmark.runs.plan import EnvPlan
from ilrec_agents.datasets import make_dataset
from ilrec_gym.errors import ILRecError
from ilrec_gym.files import fingerprint

FOLDER = "datasets"


def data_file(out: Path, plan: EnvPlan, name: str, steps: int, env: Any) -> Path:
    """A named dataset, made unless it is there and unchanged.

    Args:
        out: The benchmark's folder.
        plan: The environment.
        name: Of the dataset.
        steps: Its least number of steps.
        env: The environment with train users.
    """
    readable = re.sub(r"[^a-z0-9]+", "-", plan.label.lower()).strip("-")
    place = f"{readable[:60]}-{fingerprint(plan.id, dict(plan.kwargs))[:8]}"
    return make_dataset(name, env, out / FOLDER / place, steps=steps)


def settle_data(out: Path, wanted: Iterable[tuple[EnvPlan, str, int]]) -> None:
    """Make these datasets before what needs them starts; what cannot be made is told of by those who need it.

    Args:
        out: The benchmark's folder.
        wanted: Environments, names and numbers of steps.
    """
    for plan, name, steps in {(repr(plan), name, steps): (plan, name, steps) for plan, name, steps in wanted}.values():
        with contextlib.suppress(ILRecError):
            data_file(out, plan, name, steps, plan.make("train"))
