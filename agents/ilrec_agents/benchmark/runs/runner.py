"""Runs a benchmark's jobs in parallel processes, here or on a Ray cluster, and goes on where it was interrupted."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ilrec_agents.benchmark.report.numbers import duration
from ilrec_agents.benchmark.runs.data import settle_data
from ilrec_agents.benchmark.runs.estimate import longest_first, seconds_of
from ilrec_agents.benchmark.runs.estimating import answer_of
from ilrec_agents.benchmark.runs.finished import Run
from ilrec_agents.benchmark.runs.folder import Folder
from ilrec_agents.benchmark.runs.orphans import do_for
from ilrec_agents.benchmark.runs.plan import EnvPlan, Job
from ilrec_agents.benchmark.runs.questions import Question, questions
from ilrec_agents.benchmark.runs.ray_backend import on_ray, watched
from ilrec_agents.benchmark.runs.suites import Suite
from ilrec_agents.benchmark.runs.work import Work, do, file_of
from ilrec_agents.checks import whole
from ilrec_gym.errors import ILRecError, UsageError, require, unknown_name

BACKENDS = ("loky", "ray")


class WorkerLostError(ILRecError, RuntimeError):
    """A process that ran a job is gone."""


@dataclass(frozen=True)
class Runner:
    """Where a suite runs, and how.

    Attributes:
        out: The benchmark's folder.
        jobs: Runs side by side.
        backend: "loky", processes on this machine; "ray", those of a Ray cluster that shares ``out``.
        quiet: Whether to say nothing.
        command: What asked for it, for the page.
        any_versions: Whether runs that other versions of the libraries made count as done.
    """

    out: Path
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    backend: str = "loky"
    quiet: bool = False
    command: str = ""
    any_versions: bool = False

    def __post_init__(self) -> None:
        whole(self, "jobs")
        if self.backend not in BACKENDS:
            raise unknown_name("--backend", self.backend, BACKENDS)

    def run(self, suite: Suite) -> list[dict[str, Any]]:
        """Do the runs of a suite that are not done yet; returns the records of those that failed.

        Raises:
            UsageError: A folder of something else, one in which another process works, or no such device.
            ArtefactError: The folder is of another version.
            WorkerLostError: A process was killed, e.g. for want of memory; finished runs are kept.
        """
        _check_device(suite)
        folder = Folder(self.out)
        with folder.alone():
            jobs = suite.jobs
            runs = self._there(folder, jobs)
            names = [run.path.name if run else job.key for job, run in zip(jobs, runs, strict=True)]
            asked = questions(suite.ope, jobs, names)
            answers = [answer_of(each, self.out, any_versions=self.any_versions) for each in asked]
            folder.plan(suite, self.command, names, [
                answer.path.name if answer else each.key for each, answer in zip(asked, answers, strict=True)
            ])  # fmt: skip
            due = [job for job, run in zip(jobs, runs, strict=True) if run is None]
            self._say(f"{len(jobs)} runs: {len(jobs) - len(due)} there already, {len(due)} to do")
            if others := folder.others([*(job.key for job in jobs), *names]):
                self._say(f"{len(others)} runs of other settings or versions are left alone, e.g. runs/{others[0]}")
            self._prepare([(job.env, job.entrant.data, job.data_steps) for job in due])
            failed = self._done(due, "runs")
            lost = {record["key"] for record in failed}
            rest = [
                each for each, answer in zip(asked, answers, strict=True)
                if not (answer and answer.settled) and each.run not in lost
            ]  # fmt: skip
            return failed + self._estimated(rest, len(asked))

    def _there(self, folder: Folder, jobs: Sequence[Job]) -> list[Run | None]:
        """The run of each job that went well, where its environment is still what it was then."""
        found = [folder.run_of(job, any_versions=self.any_versions) for job in jobs]
        done = [run if run is not None and run.done else None for run in found]
        envs = {repr(run.job.env): run.job.env for run in done if run is not None}
        worlds = {name: env.make("test").unwrapped.fingerprint for name, env in envs.items()}
        runs = [run if run and run.record.get("fingerprint") == worlds[repr(run.job.env)] else None for run in done]
        if stale := len([run for run in done if run]) - len([run for run in runs if run]):
            self._say(f"{stale} runs are done again: the data, the users or the environment are not what they were")
        return runs

    def _estimated(self, due: Sequence[Question], asked: int) -> list[dict[str, Any]]:
        """Ask the log of every agent that has not been asked yet; returns the records of what failed."""
        if not asked:
            return []
        self._say(f"{asked} agents to be judged by a log: {asked - len(due)} done already or lost, {len(due)} to do")
        self._prepare([(each.job.env, each.plan.data, each.plan.steps) for each in due])
        return self._done(due, "estimates")

    def _prepare(self, wanted: Sequence[tuple[EnvPlan, str, int]]) -> None:
        """What is shared is made once: fitted models of each data set, and the named datasets."""
        for env in {repr(env): env for env, *_ in wanted}.values():
            env.make("train")
        if names := sorted({name for _, name, _ in wanted if name}):
            self._say(f"datasets: {', '.join(names)}")
        settle_data(self.out, [each for each in wanted if each[1]])

    def _done(self, due: Sequence[Job] | Sequence[Question], what: str) -> list[dict[str, Any]]:
        """Do what is due, side by side; returns the records of what failed."""
        failed, progress = list[dict[str, Any]](), Progress(due, self.jobs)
        with tqdm(total=len(due), desc=what, disable=True if self.quiet else None, leave=False) as bar:
            bar.set_postfix_str(progress.left)
            for record in self._records(longest_first(due)):
                progress.ended(record["key"])
                bar.update()
                bar.set_postfix_str(progress.left)
                if record["status"] == "failed":
                    failed.append(record)
                self._say(_line(record), bar)
        return failed

    def _records(self, due: Sequence[Work]) -> Iterator[dict[str, Any]]:
        """The records of what is due, as each ends."""
        joblib, threads = require("joblib", "report"), require("threadpoolctl", "report")
        out = self.out.resolve()
        options: dict[str, Any] = {"n_jobs": min(self.jobs, max(1, len(due))), "batch_size": 1, "pre_dispatch": "all"}
        if self.backend == "ray":
            calls = [joblib.delayed(do)(work, out) for work in due]
            with on_ray() as parallel:
                yield from watched(lambda: parallel(calls, options), [file_of(work, out) for work in due])
            return
        calls = [joblib.delayed(do_for)(os.getpid(), work, out) for work in due]
        try:
            # One job runs in this process, where joblib leaves the number of threads as it is.
            with threads.threadpool_limits(1), joblib.parallel_config("loky", inner_max_num_threads=1):
                yield from joblib.Parallel(**options, return_as="generator_unordered")(calls)
        except joblib.externals.loky.process_executor.TerminatedWorkerError as error:
            raise WorkerLostError(
                "every process of the benchmark must live until its run has ended", received=str(error).splitlines()[0],
                cause="too little memory for so many side by side",
                fix="run the same command with a smaller --jobs: finished runs are kept",
            ) from error  # fmt: skip

    def _say(self, text: str, bar: Any = None) -> None:
        if not self.quiet:
            (bar.write if bar is not None and not bar.disable else print)(text)


class Progress:
    """How long the rest takes: what the suite's estimate says, corrected by how long the runs so far took."""

    def __init__(self, due: Sequence[Work], workers: int) -> None:
        self._left = {job.key: seconds_of(job) for job in due}
        self._done, self._workers, self._start = 0.0, workers, time.perf_counter()

    def ended(self, key: str) -> None:
        """A run has ended."""
        self._done += self._left.pop(key)

    @property
    def seconds(self) -> float:
        """Seconds left."""
        rest = sum(self._left.values())
        if not self._done:
            return rest / self._workers
        return rest * (time.perf_counter() - self._start) / self._done

    @property
    def left(self) -> str:
        """Time left, in words."""
        return f"about {duration(self.seconds)} left"


def _line(record: dict[str, Any]) -> str:
    name = f"{record['label']} (seed {record['seed']}) in {record['env']}"
    if record["status"] != "done":
        return f"{record['status'].upper()} {name}: {record['reason']}"
    if "R_traj" not in record:
        return f"{name}: judged by the log, {record['seconds']:.0f} s"
    return f"{name}: R_traj {record['R_traj']:.1f}, {record['seconds']:.0f} s"


def _check_device(suite: Suite) -> None:
    """Refuse a device that is not there before anything runs."""
    from ilrec_agents.devices import torch_device

    if suite.device not in ("auto", "cpu") and any(job.learns for job in suite.jobs):
        try:
            torch_device(suite.device)
        except UsageError as error:
            raise UsageError(
                "--device must be there", received=suite.device, cause=error.cause, fix=error.fix
            ) from error
