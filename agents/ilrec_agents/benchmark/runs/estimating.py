"""Asking a log of the agent that a run has made, and what came of it: one small file with its card."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ilrec_agents.benchmark.runs.data import data_file
from ilrec_agents.benchmark.runs.output import heard, reason
from ilrec_agents.benchmark.runs.playing import AGENT, OUTPUT, RUNS, TRACEBACK
from ilrec_agents.benchmark.runs.questions import Question
from ilrec_agents.offline.dataset import read_hdf5
from ilrec_agents.offline.fqe import FQEConfig
from ilrec_agents.ope import ESTIMATORS, Study, softened, study
from ilrec_agents.ope.stored import from_json, to_json
from ilrec_agents.registry import load_agent
from ilrec_gym.cards import card_path, read_card, write_card
from ilrec_gym.errors import ArtefactError, UsageError
from ilrec_gym.files import ANY_FOLDER, read_json, replacing, write_json

ESTIMATES, FILE, KIND = "estimates", "estimates.json", "benchmark estimates"


@dataclass(frozen=True)
class Answer:
    """What a log said of an agent, or why it said nothing.

    Attributes:
        path: Its folder.
        record: What the file holds: ``label``, ``env``, ``status`` ("done", "refused" or "failed"), ``reason``, ...
        created: When, as ISO 8601 in UTC.
    """

    path: Path
    record: Mapping[str, Any]
    created: str

    @property
    def settled(self) -> bool:
        """Whether asking again would give the same: estimates, or that the log cannot be asked of such an agent."""
        return bool(self.record["status"] != "failed")

    @property
    def study(self) -> Study | None:
        """The estimates, where there are some."""
        return from_json(self.record["study"]) if self.record["status"] == "done" else None


def estimate(question: Question, out: Path) -> dict[str, Any]:
    """Ask, and put the answer in place in one move; returns what the file holds, without the estimates."""
    start, job = time.perf_counter(), question.job
    record: dict[str, Any] = {"key": question.key, "label": job.entrant.label, "env": job.env.label, "seed": job.seed}
    record |= {"folder": ESTIMATES}
    with replacing(out / ESTIMATES / question.key, mark=ANY_FOLDER) as draft:
        draft.mkdir()
        with heard(draft / OUTPUT):
            try:
                found, inputs = _studied(question, out)
                record |= {"status": "done", "study": to_json(found)}
            except UsageError as error:  # the log cannot be asked of this agent, now or later
                record, inputs = record | {"status": "refused", "reason": reason(error)}, {}
            except Exception as error:  # told of in the report; the others go on
                (draft / TRACEBACK).write_text(traceback.format_exc(), encoding="utf-8")
                record, inputs = record | {"status": "failed", "reason": reason(error)}, {}
        record |= {"seconds": round(time.perf_counter() - start, 3)}
        write_json(draft / FILE, record)
        write_card(
            draft / FILE, kind=KIND, parameters=question.parameters, inputs=inputs, seed=job.seed,
            seconds=record["seconds"],
        )  # fmt: skip
    return {name: value for name, value in record.items() if name != "study"}


def _studied(question: Question, out: Path) -> tuple[Study, dict[str, str]]:
    plan, env = question.plan, question.job.env.make("train")
    saved = out / RUNS / question.run / AGENT
    if not saved.is_dir():
        raise ArtefactError(
            f"{saved} must be there", cause="a folder that was copied without what its agents learned",
            fix="copy it too, or remove the run's folder to have it done again",
        )  # fmt: skip
    agent = softened(load_agent(saved, env, device="cpu"), epsilon=plan.epsilon)
    path = data_file(out, question.job.env, plan.data, plan.steps, env)
    found = study(
        read_hdf5(path, verify=False), {question.job.entrant.label: agent}, env,
        horizons=[h or None for h in plan.horizons], estimators=plan.estimators or tuple(ESTIMATORS),
        repeats=plan.repeats, resamples=plan.resamples, fqe=FQEConfig(**plan.fqe), seed=question.job.seed, device="cpu",
    )  # fmt: skip
    found = replace(found, facts={**found.facts, "epsilon": plan.epsilon})
    return found, {"data": read_json(card_path(path))["sha256"]}


def answer_of(question: Question, out: Path, *, any_versions: bool = False) -> Answer | None:
    """The answer to a question, where there is one and its file is whole.

    Args:
        question: The question.
        out: The benchmark's folder.
        any_versions: Whether one under other versions of the libraries will do, the latest.
    """
    answer = _read(question, out / ESTIMATES / question.key)
    if any_versions and (answer is None or not answer.settled):
        there = (out / ESTIMATES).glob(f"{question.key.rpartition('-')[0]}-*")
        found = [other for path in there if (other := _read(question, path)) is not None and other.settled]
        answer = max(found, key=lambda other: other.created, default=answer)
    return answer


def read_answer(path: Path) -> Answer | None:
    """The answer in a folder; None where it is not whole."""
    try:
        return Answer(path, read_json(path / FILE), read_card(path / FILE, kind=KIND).get("created", ""))
    except ArtefactError:
        return None


def _read(question: Question, path: Path) -> Answer | None:
    answer = read_answer(path)
    if answer is None:
        return None
    theirs = read_json(card_path(path / FILE))["parameters"]
    same = {**theirs, "versions": None} == {**question.parameters, "versions": None}
    return answer if same and path.name == question.key_under(theirs) else None
