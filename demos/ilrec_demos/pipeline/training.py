"""Stages that train: offline agents learn from datasets, several side by side in processes of one thread each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
from tqdm import tqdm

from ilrec_agents import make_agent, settings_of
from ilrec_agents.offline.dataset import read_all
from ilrec_demos.pipeline.settings import ENV_ID
from ilrec_demos.pipeline.stage import Clock, Stage
from ilrec_gym.cards import write_card
from ilrec_gym.errors import require

KIND = "agent"


@dataclass(frozen=True)
class Training:
    """One agent to train. Plain values only, so that it can be sent to another process.

    Attributes:
        agent: Name in the registry.
        folder: Where it is saved.
        config: Its settings.
        dataset: Name of the data set.
        data: Datasets that it learns from, together.
    """

    agent: str
    folder: Path
    config: Mapping[str, Any]
    dataset: str
    data: tuple[Path, ...]


def training_stage(name: str, training: Training, seed: int) -> Stage:
    """The stage that trains and saves one agent."""
    return Stage(
        name=name,
        output=training.folder / "agent.json",
        kind=KIND,
        parameters={
            "agent": training.agent,
            "config": settings_of(training.agent, training.config),
            "dataset": training.dataset,
        },
        sources={path.name: path for path in training.data},
        seed=seed,
        make=lambda stage: train(training, stage.inputs, stage.parameters, stage.seed),
    )


def train(training: Training, inputs: Mapping[str, str], parameters: Mapping[str, Any], seed: int) -> None:
    """Train one agent, and save it with a card."""
    clock = Clock()
    env = gym.make(ENV_ID, dataset=training.dataset)
    agent = make_agent(training.agent, env, seed=seed, device="cpu", **training.config)
    agent.fit(read_all(training.data))
    agent.save(training.folder)
    write_card(
        training.folder / "agent.json", kind=KIND, parameters=parameters, inputs=inputs, seed=seed,
        seconds=clock.seconds,
    )  # fmt: skip


def train_side_by_side(jobs: list[tuple[Training, Stage]], workers: int) -> None:
    """Train several agents, each in a process of its own with its share of the cores."""
    joblib = require("joblib", "offline")
    calls = [
        joblib.delayed(train)(training, stage.inputs, dict(stage.parameters), stage.seed) for training, stage in jobs
    ]
    runs = joblib.Parallel(n_jobs=min(workers, len(calls)), return_as="generator_unordered")(calls)
    for _ in tqdm(runs, total=len(calls), desc="training", unit="agent", disable=None, leave=False):
        pass
