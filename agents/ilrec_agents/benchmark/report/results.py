"""A benchmark's results: one table per environment, flat records of runs and of agents, and their files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ilrec_agents.benchmark.report.pooled import Pooled, difference, improvement
from ilrec_agents.benchmark.report.table import ResultsTable, Row
from ilrec_agents.benchmark.runs.estimating import Answer
from ilrec_agents.benchmark.runs.folder import Folder, Run
from ilrec_agents.benchmark.runs.plan import EnvPlan
from ilrec_agents.benchmark.runs.suites import YARDSTICKS
from ilrec_agents.benchmark.runs.telling import TOLD
from ilrec_agents.ope import Study
from ilrec_agents.ope.stored import joined, log_of
from ilrec_agents.registry import agent_class
from ilrec_gym.errors import UsageError, require
from ilrec_gym.evaluation import Evaluation, Interval
from ilrec_gym.evaluation.summary import records as metric_records
from ilrec_gym.files import replacing

AHEAD = "mmr_ahead"
"""The table's second baseline: where learners stand that begin as the public ranking, before they have learned."""
BASELINES = ("mmr", AHEAD, "retriever_top1", "retriever_random", "playlist")
"""Yardsticks that rows are compared with, paired by user; the first that took part is the table's baseline."""
_FACTS = (
    "training_seconds", "timesteps", "updates", "ms_alone", "evaluation_seconds", "peak_mb", "added_mb", "peak_gpu_mb",
    *TOLD,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class EnvResults:
    """What a benchmark found in one environment.

    Attributes:
        env: The environment.
        runs: Its runs that went well.
        failed: Those that did not.
        answers: What a log said of its agents.
    """

    env: EnvPlan
    runs: tuple[Run, ...]
    failed: tuple[Run, ...]
    answers: tuple[Answer, ...] = ()

    @cached_property
    def table(self) -> ResultsTable:
        """One row per entrant, all seeds together, by falling return."""
        by_label: dict[str, list[Run]] = {}
        for run in self.runs:
            by_label.setdefault(run.job.entrant.label, []).append(run)
        rows = tuple(_row(label, runs) for label, runs in by_label.items())
        rows = tuple(sorted(rows, key=lambda row: -row.evaluation.R_traj.mean))
        baseline = next((name for name in (*BASELINES, *YARDSTICKS) if name in by_label), rows[0].label)
        return ResultsTable(rows, baseline, AHEAD if AHEAD in by_label and baseline != AHEAD else None)

    @property
    def curves(self) -> dict[str, list[list[dict[str, float]]]]:
        """Learning curves by label, one per seed; of agents that learn."""
        found: dict[str, list[list[dict[str, float]]]] = {}
        for run in self.runs:
            if run.job.learns and run.curve:
                found.setdefault(run.job.entrant.label, []).append(run.curve)
        return found

    @property
    def references(self) -> dict[str, float]:
        """What rules get with the users of the learning curves."""
        return {run.job.entrant.label: run.curve[0]["R_traj"] for run in self.runs if run.curve and not run.job.learns}

    @property
    def failures(self) -> list[str]:
        """One sentence per entrant and reason for which it failed."""
        seeds: dict[tuple[str, str], list[str]] = {}
        for run in self.failed:
            seeds.setdefault((run.job.entrant.label, run.record["reason"]), []).append(str(run.job.seed))
        return [
            f"{label} failed in {self.env.label} (seed {', '.join(which)}): {why}"
            for (label, why), which in seeds.items()
        ]

    @cached_property
    def study(self) -> Study | None:
        """What a log said of all agents that it could be asked of."""
        found = [study for study, other in self._studies if not other]
        return joined(found) if found else None

    @property
    def _studies(self) -> list[tuple[Study, bool]]:
        """What was answered, and whether by other sessions than the first's."""
        found = [study for answer in self.answers if (study := answer.study) is not None]
        return [(study, log_of(study) != log_of(found[0])) for study in found]

    @property
    def unanswered(self) -> list[str]:
        """One sentence per agent that the log said nothing of."""
        asked = (answer.record for answer in self.answers)
        reasons = {record["label"]: record["reason"] for record in asked if record["status"] != "done"}
        for study, other in self._studies:
            if other:
                why = f"it was asked of another log, of {study.sessions:,} sessions; run the benchmark again"
                reasons |= dict.fromkeys((estimate.target for estimate in study.estimates), why)
        return [f"A log says nothing of {label} in {self.env.label}: {why}" for label, why in reasons.items()]

    def records(self) -> list[dict[str, Any]]:
        """One flat record per agent, with everything that is known of it."""
        return [self._record(row) for row in self.table.rows]

    def run_records(self) -> list[dict[str, Any]]:
        """One flat record per run, failed ones too."""
        return [_run_record(self, run) for run in (*self.runs, *self.failed)]

    def _row(self, label: str) -> Row | None:
        return next((row for row in self.table.rows if row.label == label), None)

    def _record(self, row: Row) -> dict[str, Any]:
        pooled = row.evaluation
        assert isinstance(pooled, Pooled)
        entrant = next(run.job.entrant for run in self.runs if run.job.entrant.label == row.label)
        record: dict[str, Any] = {
            "env": self.env.label,
            "agent": row.label,
            "family": entrant.family,
            "data": entrant.data,
        }
        record |= {"seeds": pooled.seeds, "users": len(pooled.users), "sessions": pooled.sessions}
        record |= _metrics(pooled) | {"score": self.table.scores.get(row.label)} | _ends("R_traj_iqm", pooled.iqm)
        for name in BASELINES:
            other = self._row(name)
            there = other is not None and other.label != row.label
            record |= _ends(f"R_traj_minus_{name}", difference(pooled, other.evaluation) if there and other else None)
            record |= _ends(f"P_above_{name}", improvement(pooled, other.evaluation) if there and other else None)
        record |= {name: pooled.facts.get(name) for name in _FACTS}
        return record | _exits(pooled, self.reasons)

    @cached_property
    def reasons(self) -> list[str]:
        """Every reason for which a session ended here."""
        return sorted({reason for run in self.runs for reason in run.evaluation.exit_reasons})


class Results:
    """The results in a benchmark's folder.

    Args:
        folder: The folder.

    Raises:
        UsageError: No run of it has ended well.
        ArtefactError: A folder of another version or kind, or a damaged file.
    """

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        runs = folder.runs()
        jobs = folder.jobs
        self.missing = len(jobs) - len(runs)
        self.missing_labels = sorted({job.entrant.label for job in jobs} - {run.job.entrant.label for run in runs})
        envs = list({repr(job.env): job.env for job in jobs}.values())
        parts = [[run for run in runs if run.job.env == env] for env in envs]
        answers = folder.answers()
        self.envs = [
            EnvResults(
                env, tuple(run for run in part if run.done), tuple(run for run in part if not run.done),
                tuple(answer for answer in answers if answer.record["env"] == env.label),
            )
            for env, part in zip(envs, parts, strict=True)
            if any(run.done for run in part)
        ]  # fmt: skip
        shown = [env.env for env in self.envs]
        self.failed = [run for run in runs if not run.done]
        self.lost = [EnvResults(env, (), tuple(run for run in self.failed if run.job.env == env)) for env in envs
                     if env not in shown and any(run.job.env == env for run in self.failed)]  # fmt: skip
        if not self.envs:
            raise UsageError(
                "a table needs runs that ended well", received=f"{len(self.failed)} failed, {self.missing} not done",
                cause="the benchmark was interrupted early, or every run failed", fix="run the benchmark again",
            )  # fmt: skip

    @property
    def versions(self) -> dict[str, str]:
        """Of Python and the libraries, as the runs name them; all of them where they differ."""
        found: dict[str, dict[str, None]] = {}
        for run in (*(run for env in self.envs for run in env.runs), *self.failed):
            for package, version in run.versions.items():
                found.setdefault(package, {})[version] = None
        return {package: ", ".join(sorted(each)) for package, each in found.items()}

    @property
    def failures(self) -> list[str]:
        """One sentence per environment, entrant and reason for which it failed, also where nothing went well."""
        return [text for env in (*self.envs, *self.lost) for text in env.failures]

    @property
    def gaps(self) -> str:
        """What of the plan is not done yet, in a sentence; "" where all is."""
        if not self.missing:
            return ""
        wholly = f", among them all of {', '.join(self.missing_labels)}" if self.missing_labels else ""
        return f"{self.missing} runs of the plan are not done yet{wholly}."

    def records(self) -> list[dict[str, Any]]:
        """One record per environment and agent."""
        return [record for env in self.envs for record in env.records()]

    def run_records(self) -> list[dict[str, Any]]:
        """One record per run."""
        return [record for env in (*self.envs, *self.lost) for record in env.run_records()]

    def save(self) -> list[Path]:
        """Write ``runs`` and ``results``, each as Parquet and CSV. Needs the extra ``report``."""
        paths = []
        for name, records in (("runs", self.run_records()), ("results", self.records())):
            frame = require("pandas", "report").DataFrame(records)
            require("pyarrow", "report")
            for kind, write in (("parquet", _parquet), ("csv", _csv)):
                paths.append(self.folder.path / f"{name}.{kind}")
                with replacing(paths[-1]) as draft:
                    write(frame, draft)
        return paths


def _row(label: str, runs: Sequence[Run]) -> Row:
    cls = agent_class(runs[0].job.entrant.agent)
    mark = "sees truth" if cls.sees_truth else cls.family.replace("_", "-")
    pooled = Pooled.of([run.evaluation for run in runs], [run.record for run in runs])
    return Row(label, pooled, marks=(mark,), varies=runs[0].job.entrant.varies)


def _run_record(env: EnvResults, run: Run) -> dict[str, Any]:
    job = run.job
    record: dict[str, Any] = {"env": env.env.label, "agent": job.entrant.label, "family": job.entrant.family}
    record |= {"data": job.entrant.data, "seed": job.seed, "status": run.record["status"]}
    record |= {"reason": run.record.get("reason", ""), "key": run.path.name}
    if run.done:
        record |= {name: run.record.get(name) for name in _FACTS} | _metrics(run.evaluation)
        record |= _exits(run.evaluation, env.reasons)
        for mode in job.modes:
            other = run.in_mode(mode)
            record |= {f"{name}_{mode}": getattr(other, name).mean for name in ("Len", "R_each", "R_traj")}
    return record


def _metrics(evaluation: Evaluation) -> dict[str, float | None]:
    """Every metric of an evaluation, with its ends where it has an interval."""
    found: dict[str, float | None] = {}
    for row in metric_records(evaluation):
        name = row["metric"].replace(" ", "_")
        interval = row["low"] is not None
        found |= _ends(name, Interval(row["mean"], row["low"], row["high"])) if interval else {name: row["mean"]}
    return found


def _exits(evaluation: Evaluation, reasons: Sequence[str]) -> dict[str, float]:
    """The share of sessions that ended for each reason, also for those that none of these ended for."""
    return {f"exit_{why}": evaluation.exit_reasons.get(why, 0) / evaluation.sessions for why in reasons}


def _ends(name: str, value: Interval | None) -> dict[str, float | None]:
    ends = (None,) * 3 if value is None else (value.mean, value.low, value.high)
    return {
        f"{name}{suffix}": None if end is None or np.isnan(end) else float(end)
        for suffix, end in zip(("", "_low", "_high"), ends, strict=True)
    }


def _parquet(frame: Any, path: Path) -> None:
    frame.to_parquet(path, index=False)


def _csv(frame: Any, path: Path) -> None:
    frame.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")
