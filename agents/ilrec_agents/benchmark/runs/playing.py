"""One run: an agent is made, learns, is saved and plays with the test users. Whatever goes wrong is a result too."""

from __future__ import annotations

import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from ilrec_agents.base import Agent
from ilrec_agents.benchmark.runs.curves import CURVE, Curve
from ilrec_agents.benchmark.runs.data import data_file
from ilrec_agents.benchmark.runs.memory import Memory
from ilrec_agents.benchmark.runs.modes import env_of, policy_of
from ilrec_agents.benchmark.runs.output import heard, reason
from ilrec_agents.benchmark.runs.plan import Job
from ilrec_agents.benchmark.runs.telling import Telling
from ilrec_agents.offline.dataset import read_hdf5
from ilrec_agents.registry import make_agent
from ilrec_gym.cards import card_path, write_card
from ilrec_gym.evaluation import evaluate
from ilrec_gym.files import ANY_FOLDER, read_json, replacing, sha256, write_json

RUNS, BOARD = "runs", "tensorboard"
RUN, AGENT, EVALUATION, OUTPUT, TRACEBACK = "run.json", "agent", "evaluation.npz", "output.txt", "traceback.txt"
KIND = "benchmark run"
REFERENCES = ("mmr", "playlist")
"""Rules that learning curves are drawn beside; they play once with the same users."""
_ALONE = 25  # decisions that the latency of one session is measured on


def play(job: Job, out: Path) -> dict[str, Any]:
    """Do one run, and put its folder in place in one move.

    Returns:
        The record, as ``run.json`` holds it; its ``status`` is "done" or "failed".
    """
    start = time.perf_counter()
    folder = out / RUNS / job.key
    with replacing(folder, mark=ANY_FOLDER) as draft:
        draft.mkdir()
        record: dict[str, Any] = {
            "key": job.key,
            "label": job.entrant.label,
            "env": job.env.label,
            "seed": job.seed,
            "status": "done",
        }
        with heard(draft / OUTPUT):
            try:
                record |= _played(job, out, draft)
            except Exception as error:  # a failed run is told of in the table; the others go on
                (draft / TRACEBACK).write_text(traceback.format_exc(), encoding="utf-8")
                record |= {"status": "failed", "reason": reason(error)}
        record |= {"seconds": round(time.perf_counter() - start, 3)}
        write_json(draft / RUN, record)
        inputs = {path.name: sha256(path) for path in sorted(draft.glob("evaluation*.npz"))}
        inputs |= {"data": record["data_sha256"]} if "data_sha256" in record else {}
        write_card(
            draft / RUN, kind=KIND, parameters=job.parameters, inputs=inputs, seed=job.seed, seconds=record["seconds"]
        )
    return record


def _played(job: Job, out: Path, draft: Path) -> dict[str, Any]:
    memory = Memory()
    train, test = job.env.make("train"), job.env.make("test")
    others = {mode: env_of(mode, job.env, "test") for mode in job.modes}  # what cannot be is refused before learning
    agent = make_agent(job.entrant.agent, train, device=job.device, seed=job.seed, **job.entrant.config)
    facts: dict[str, Any] = {"training_seconds": 0.0, "timesteps": 0, "updates": 0}
    if job.learns:
        facts |= _learned(agent, job, train, out, draft)
    elif job.entrant.agent in REFERENCES:
        Curve(train, draft / CURVE, job.curve_users)(agent, 0)
    agent.save(draft / AGENT)
    start, telling = time.perf_counter(), Telling(agent)
    player = telling if agent.family == "llm" else agent
    result = evaluate(player, test, seed=0, episodes=job.users, repeats=job.repeats)
    facts["evaluation_seconds"] = round(time.perf_counter() - start, 3)
    result.save(draft / EVALUATION, seconds=facts["evaluation_seconds"])
    for mode, env in others.items():
        other = evaluate(policy_of(mode, agent), env, seed=0, episodes=job.users, repeats=job.repeats)
        other.save(draft / f"evaluation-{mode}.npz")
    return facts | {
        "ms_per_decision": result.ms_per_decision,
        "ms_alone": _milliseconds_alone(agent, test),
        **memory.facts(),
        **telling.facts,
        "fingerprint": result.fingerprint,
        "R_traj": result.R_traj.mean,
    }


def _learned(agent: Agent, job: Job, env: Any, out: Path, draft: Path) -> dict[str, Any]:
    source, facts = env, dict[str, Any]()
    if job.entrant.data:
        path = data_file(out, job.env, job.entrant.data, job.data_steps, env)
        source, facts["data_sha256"] = read_hdf5(path, verify=False), read_json(card_path(path))["sha256"]
    curve = Curve(env, draft / CURVE, job.curve_users, out / BOARD / job.key)
    start = time.perf_counter()
    agent.fit(source, watch=curve if job.curve_users else None)
    seconds = time.perf_counter() - start - curve.seconds
    history: list[dict[str, float]] = getattr(agent, "history", None) or []
    curve.board.close(history)
    last: dict[str, float] = history[-1] if history else {}
    done = {name: int(last[name]) for name in ("timesteps", "updates") if name in last}
    return facts | {"training_seconds": round(seconds, 3), "watching_seconds": round(curve.seconds, 3)} | done


def _milliseconds_alone(agent: Agent, env: Any) -> float:
    """Median milliseconds of a decision when there is one session, as when one viewer waits."""
    base = env.unwrapped
    sessions, seconds = base.batch(1, agent.info), list[float]()
    observations, infos = sessions.reset(base.users[:1], seeds=[0])
    while sessions.running.any() and len(seconds) < _ALONE:
        start = time.perf_counter()
        actions = agent.act(observations, infos)
        seconds.append(time.perf_counter() - start)
        observations, *_, infos = sessions.step(actions)
    return round(float(np.median(seconds)) * 1000, 4)
