"""Reward stages: a reward model learns from demonstrations, and the sessions get its rewards, or a control's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from ilrec_agents.imitation.relabel import constant, relabel, shuffled
from ilrec_agents.imitation.reward_model import KIND, REWARD, load_reward_model, make_reward_model
from ilrec_agents.offline.dataset import read_all, read_hdf5, write_hdf5
from ilrec_demos.pipeline.stage import Clock, Stage

REWARDS = {
    "learned": "GAIL, zero-mean form, divided by its standard deviation",
    "shuffled": "the learned rewards, dealt out anew over all transitions",
    "constant": "1 for every step",
}


def fit_stage(demonstrations: Path, log: Path, folder: Path, env: gym.Env[Any, Any], seed: int) -> Stage:
    """The stage that fits the reward model."""
    model = make_reward_model("gail", env, device="cpu", seed=seed, form="zero_mean")

    def make(stage: Stage) -> None:
        clock = Clock()
        model.fit(read_hdf5(demonstrations), read_hdf5(log))
        model.save(folder, inputs=stage.inputs, seconds=clock.seconds)
        print(
            f"  told apart on held-out sessions: AUC {model.report['auc']:.3f}, accuracy {model.report['accuracy']:.3f}"
        )

    return Stage(
        name="reward model", output=folder / REWARD, kind=KIND, parameters=model.parameters(), seed=seed, make=make,
        sources={"demonstrations": demonstrations, "log": log},
    )  # fmt: skip


def relabel_stage(
    which: str, sessions: tuple[Path, ...], folder: Path, target: Path, env: gym.Env[Any, Any], seed: int
) -> Stage:
    """The stage that writes log and demonstrations as one dataset with other rewards."""

    def make(stage: Stage) -> None:
        clock, dataset = Clock(), read_all(sessions)
        if which == "constant":
            dataset = constant(dataset)
        else:
            dataset = relabel(dataset, load_reward_model(folder, env, device="cpu"))
        if which == "shuffled":
            dataset = shuffled(dataset, np.random.default_rng(seed))
        write_hdf5(
            dataset, target, parameters=stage.parameters, inputs=stage.inputs, seed=seed, seconds=clock.seconds,
            reward=REWARDS[which],
        )  # fmt: skip

    sources = {path.name: path for path in sessions} | {"reward": folder / REWARD}
    return Stage(
        name=f"{which} reward", output=target, kind="dataset", parameters={"reward": which}, sources=sources, seed=seed,
        make=make,
    )  # fmt: skip
