"""The named datasets of a benchmark: each made once per environment, and shared by all who learn from it."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ilrec_agents.benchmark.plan import EnvPlan, Job
from ilrec_agents.offline.dataset import DatasetTask, Episode, SessionDataset, read_hdf5, write_hdf5
from ilrec_agents.registry import make_agent
from ilrec_gym.cards import is_current
from ilrec_gym.files import fingerprint

FOLDER = "datasets"


def data_file(out: Path, job: Job) -> Path:
    """Where the dataset of a job lies."""
    readable = re.sub(r"[^a-z0-9]+", "-", f"{job.env.label} {job.entrant.data}".lower()).strip("-")
    return out / FOLDER / f"{readable}-{fingerprint(_parameters(job))[:10]}.h5"


def settle_data(out: Path, jobs: Sequence[Job]) -> list[Path]:
    """Make the datasets that these jobs learn from, where they are not there and unchanged; returns the new ones."""
    made = []
    for job in {data_file(out, job): job for job in jobs if job.entrant.data}.values():
        path, parameters = data_file(out, job), _parameters(job)
        if not is_current(path, kind="dataset", parameters=parameters, seed=0):
            start = time.perf_counter()
            path.parent.mkdir(parents=True, exist_ok=True)
            dataset = _played(job.env, job.entrant.data, job.data_steps)
            write_hdf5(dataset, path, parameters=parameters, seed=0, seconds=time.perf_counter() - start)
            made.append(path)
    return made


def read_data(out: Path, job: Job) -> SessionDataset:
    """The dataset of a job."""
    return read_hdf5(data_file(out, job))


def _parameters(job: Job) -> dict[str, Any]:
    env = {"id": job.env.id, "kwargs": dict(job.env.kwargs)}
    return {"env": env, "data": job.entrant.data, "steps": job.data_steps}


def _played(plan: EnvPlan, name: str, steps: int) -> SessionDataset:
    """Sessions of the logging policy with train users, until there are so many steps."""
    env = plan.make("train")
    base: Any = env.unwrapped
    agent, episodes, count = make_agent("logging", env), list[Episode](), 0
    while count < steps:
        found = _batch(base, agent, 256, len(episodes))
        episodes += found
        count += sum(map(len, found))
    return SessionDataset(tuple(episodes), int(base.sessions.n_actions), base.layout.size, DatasetTask(base.describe()))


def _batch(base: Any, agent: Any, n: int, first: int) -> list[Episode]:
    sessions, seeds = base.batch(n, agent.info), first + np.arange(n)
    observations, infos = sessions.reset(base.draw_users(seeds), seeds=seeds)
    seen, taken, propensities = [observations.copy()], [], []
    while sessions.running.any():
        taken.append(agent.act(observations, infos))
        propensities.append([said["propensity"] for said in agent.explain()])
        observations, *_, infos = sessions.step(taken[-1])
        seen.append(observations.copy())
    x, a, p, lengths = np.stack(seen), np.stack(taken), np.array(propensities), sessions.state.steps
    left = sessions.infos()["exit_reason"] != ""
    return [
        Episode(
            x[: t + 1, i], a[:t, i], sessions.state.ratings[i, :t], bool(left[i]), {"propensity": p[:t, i]}
        )
        for i, t in enumerate(lengths)
    ]  # fmt: skip
