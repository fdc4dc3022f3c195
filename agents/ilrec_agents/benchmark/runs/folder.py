"""A benchmark's folder: its plan, its finished runs, and one process at a time that works in it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ilrec_agents.benchmark.runs.data import FOLDER as DATA
from ilrec_agents.benchmark.runs.estimating import ESTIMATES, Answer, read_answer
from ilrec_agents.benchmark.runs.finished import Run, read_run
from ilrec_agents.benchmark.runs.plan import FORMAT, HASH, Entrant, EnvPlan, Job
from ilrec_agents.benchmark.runs.playing import RUNS
from ilrec_agents.benchmark.runs.suites import Suite
from ilrec_gym.errors import ArtefactError, UsageError
from ilrec_gym.files import is_left, read_json, settle, write_json

PLAN, LOCK = "benchmark.json", ".lock"


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
        strangers = [p.name for p in path.iterdir() if p.name != LOCK and not is_left(p)] if path.is_dir() else []
        if (path / PLAN).exists():
            self._check_format()
        elif strangers:
            raise UsageError(
                "--out must be a new or empty folder, or a benchmark's own", received=sorted(strangers)[:5],
                cause=f"a folder of something else: it has no {PLAN}", fix="choose another --out",
            )  # fmt: skip

    def plan(self, suite: Suite, command: str, runs: Sequence[str] = (), answers: Sequence[str] = ()) -> None:
        """Note what is to be done.

        Args:
            suite: What is to be run.
            command: What asked for it.
            runs: Names of the folders of its jobs; none: those that its jobs have here and now.
            answers: Names of the folders of its off-policy estimates.
        """
        about = {"format": FORMAT, "suite": suite.name, "about": suite.about, "command": command}
        names = runs or [job.key for job in suite.jobs]
        jobs = [asdict(job) | {"key": name} for job, name in zip(suite.jobs, names, strict=True)]
        write_json(self.path / PLAN, about | {"jobs": jobs, "estimates": list(answers)})

    @property
    def about(self) -> dict[str, Any]:
        """The plan's file."""
        return dict(read_json(self.path / PLAN))

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The runs that the last plan asked for."""
        return tuple(job for job, _ in self._planned())

    def run_of(self, job: Job, *, any_versions: bool = False) -> Run | None:
        """The run of a job, where it has ended and its files are whole.

        Args:
            job: The job.
            any_versions: Whether a run under other versions of the libraries will do, where there is none under those
                installed: the latest that went well.
        """
        run = read_run(job, self.path / RUNS / job.key)
        if any_versions and (run is None or not run.done):
            there = (self.path / RUNS).glob(f"{job.key[:-HASH]}{'?' * HASH}")
            found = [other for path in there if (other := read_run(job, path)) is not None and other.done]
            run = max(found, key=lambda other: other.created, default=run)
        return run

    def runs(self) -> list[Run]:
        """The planned runs that have ended, in the plan's order, also where other versions made them."""
        found = [read_run(job, self.path / RUNS / name) for job, name in self._planned()]
        return [run for run in found if run is not None]

    def answers(self) -> list[Answer]:
        """What a log said of agents, as far as the last plan asked and was answered; also under other versions."""
        names = self.about.get("estimates", [])
        found = [read_answer(self.path / ESTIMATES / str(name)) for name in names]
        return [answer for answer in found if answer is not None]

    def others(self, names: Sequence[str]) -> list[str]:
        """Folders of runs that are none of these, which are left alone."""
        there = (self.path / RUNS).iterdir() if (self.path / RUNS).is_dir() else ()
        return sorted(path.name for path in there if path.name not in names and not path.name.startswith("."))

    def _planned(self) -> list[tuple[Job, str]]:
        """The last plan: jobs, and the names of their folders.

        Raises:
            ArtefactError: No plan, or one that cannot be read.
        """
        self._check_format()
        try:
            jobs = [(_job(values), values.get("key")) for values in self.about["jobs"]]
        except (AttributeError, KeyError, TypeError, UsageError) as error:
            raise ArtefactError(
                f"{self.path / PLAN} must hold a benchmark's plan", received=f"{type(error).__name__}: {error}",
                cause="a damaged file, or an agent that is no longer installed", fix="run the benchmark again",
            ) from error  # fmt: skip
        return [(job, str(name or job.key)) for job, name in jobs]

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Work in the folder as the only process; what a killed one left half done is removed.

        Raises:
            UsageError: Another process works in it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / LOCK, "w") as file:
            _lock(file, self.path)
            datasets = [path for path in (self.path / DATA).rglob("*") if path.is_dir()]
            for place in (self.path, self.path / RUNS, self.path / ESTIMATES, *datasets):
                if place.is_dir():  # one draft may lie in another
                    settle(place, stale=-math.inf)
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
    return Job(**{name: value for name, value in {**values, **parts}.items() if name != "key"})


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
