"""A benchmark's folder: its plan, its finished runs, and one process at a time that works in it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ilrec_agents.benchmark.runs.curves import CURVE, read_curve
from ilrec_agents.benchmark.runs.plan import FORMAT, Entrant, EnvPlan, Job
from ilrec_agents.benchmark.runs.playing import EVALUATION, KIND, RUN, RUNS
from ilrec_agents.benchmark.runs.suites import Suite
from ilrec_gym.cards import is_current, read_card
from ilrec_gym.errors import ArtefactError, UsageError
from ilrec_gym.evaluation import Evaluation
from ilrec_gym.files import read_json, write_json

PLAN, LOCK = "benchmark.json", ".lock"


@dataclass(frozen=True)
class Run:
    """A run that has ended.

    Attributes:
        job: What was to be done.
        path: Its folder.
        record: What ``run.json`` holds.
    """

    job: Job
    path: Path
    record: Mapping[str, Any]

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


class Folder:
    """Where a benchmark keeps everything.

    Args:
        path: The folder; a new one, an empty one, or one that a benchmark made.

    Raises:
        UsageError: It holds other things.
        ArtefactError: Another version made it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists() and not path.is_dir():
            raise UsageError("--out must be a folder", received=str(path))
        strangers = [p.name for p in path.iterdir() if p.name != LOCK] if path.is_dir() else []
        if (path / PLAN).exists():
            self._check_format()
        elif strangers:
            raise UsageError(
                "--out must be a new or empty folder, or a benchmark's own", received=sorted(strangers)[:5],
                cause=f"a folder of something else: it has no {PLAN}", fix="choose another --out",
            )  # fmt: skip

    def plan(self, suite: Suite, command: str) -> None:
        """Note what is to be run, and the command that asked for it."""
        about = {"format": FORMAT, "suite": suite.name, "about": suite.about, "command": command}
        write_json(self.path / PLAN, about | {"jobs": [asdict(job) for job in suite.jobs]})

    @property
    def about(self) -> dict[str, Any]:
        """The plan's file."""
        return dict(read_json(self.path / PLAN))

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The runs that the last plan asked for.

        Raises:
            ArtefactError: No plan, or one that cannot be read.
        """
        self._check_format()
        try:
            return tuple(_job(values) for values in self.about["jobs"])
        except (KeyError, TypeError, UsageError) as error:
            raise ArtefactError(
                f"{self.path / PLAN} must hold a benchmark's plan", received=f"{type(error).__name__}: {error}",
                cause="a damaged file, or an agent that is no longer installed", fix="run the benchmark again",
            ) from error  # fmt: skip

    def run_of(self, job: Job) -> Run | None:
        """The run of a job, where it has ended and its files are whole."""
        path = self.path / RUNS / job.key
        try:
            card = read_card(path / RUN, kind=KIND)
            inputs = card["inputs"]
            if not is_current(path / RUN, kind=KIND, parameters=job.parameters, inputs=inputs, seed=job.seed):
                return None
            run = Run(job, path, read_json(path / RUN))
            for name in inputs:
                if name.startswith("evaluation"):
                    read_card(path / name, kind="evaluation")
        except ArtefactError:
            return None
        return run if not run.done or EVALUATION in inputs else None

    def runs(self) -> list[Run]:
        """The planned runs that have ended, in the plan's order."""
        return [run for job in self.jobs if (run := self.run_of(job)) is not None]

    def others(self, jobs: Sequence[Job]) -> list[str]:
        """Folders of runs under other settings, seeds or versions, which are left alone."""
        keys = {job.key for job in jobs}
        there = (self.path / RUNS).iterdir() if (self.path / RUNS).is_dir() else ()
        return sorted(path.name for path in there if path.name not in keys and not path.name.startswith("."))

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Work in the folder as the only process; what a killed one left half done is removed.

        Raises:
            UsageError: Another process works in it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / LOCK, "w") as file:
            _lock(file, self.path)
            for place in (self.path / RUNS, self.path / "datasets", self.path):
                for draft in place.glob(".*.tmp"):
                    shutil.rmtree(draft) if draft.is_dir() else draft.unlink()
            yield

    def _check_format(self) -> None:
        about = read_json(self.path / PLAN)
        found = about.get("format") if isinstance(about, dict) else None
        if found != FORMAT:
            raise ArtefactError(
                f"{self.path / PLAN} must have format {FORMAT}", received=found,
                cause="another version of ilrec-gym wrote it, or it is damaged",
                fix="choose another --out, or read it with the version that made it",
            )  # fmt: skip


def _job(values: Mapping[str, Any]) -> Job:
    parts = {"env": EnvPlan(**values["env"]), "entrant": Entrant(**values["entrant"]), "modes": tuple(values["modes"])}
    return Job(**{**values, **parts})


def _lock(file: Any, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: there must be one process
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise UsageError(
            "one benchmark at a time may work in a folder", received=str(path), cause="another one is running there"
        ) from error
