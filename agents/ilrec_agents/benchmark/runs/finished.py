"""A run that has ended, as its folder tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ilrec_agents.benchmark.runs.curves import CURVE, read_curve
from ilrec_agents.benchmark.runs.plan import Job, key_of
from ilrec_agents.benchmark.runs.playing import EVALUATION, KIND, RUN
from ilrec_gym.cards import read_card
from ilrec_gym.errors import ArtefactError
from ilrec_gym.evaluation import Evaluation
from ilrec_gym.files import read_json


@dataclass(frozen=True)
class Run:
    """A run that has ended.

    Attributes:
        job: What was to be done.
        path: Its folder.
        record: What ``run.json`` holds.
        versions: Of Python and the libraries that made it.
        created: When, as ISO 8601 in UTC.
    """

    job: Job
    path: Path
    record: Mapping[str, Any]
    versions: Mapping[str, str]
    created: str

    @property
    def done(self) -> bool:
        """Whether it went well."""
        return bool(self.record["status"] == "done")

    @cached_property
    def evaluation(self) -> Evaluation:
        """Its sessions with the test users."""
        return Evaluation.load(self.path / EVALUATION)

    def in_mode(self, mode: str) -> Evaluation:
        """Its sessions in another mode of evaluation."""
        return Evaluation.load(self.path / f"evaluation-{mode}.npz")

    @cached_property
    def curve(self) -> list[dict[str, float]]:
        """Its learning curve."""
        return read_curve(self.path / CURVE)


def read_run(job: Job, path: Path) -> Run | None:
    """The run in a folder, if it is that job's and its files are whole, whatever versions made it.

    What it learned is not looked at: without its weights a run is a row like any other.
    """
    try:
        card = read_card(path / RUN, kind=KIND)
        if not _is_of(job, path.name, card):
            return None
        inputs, record = card["inputs"], read_json(path / RUN)
        for name in inputs:
            if name.startswith("evaluation") and read_card(path / name, kind="evaluation")["sha256"] != inputs[name]:
                return None
    except ArtefactError:
        return None
    run = Run(job, path, record, card["parameters"]["versions"], card.get("created", ""))
    return run if not run.done or EVALUATION in inputs else None


def _is_of(job: Job, name: str, card: Mapping[str, Any]) -> bool:
    theirs = card["parameters"]
    same = {**theirs, "versions": None} == {**job.parameters, "versions": None}
    return same and card.get("seed") == job.seed and name == key_of(job, theirs)
