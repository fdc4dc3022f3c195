"""Logs as files: the real rating sequences of a data set, in d3rlpy's form or Minari's."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import gymnasium as gym

from ilrec_agents.datasets.logged import REWARDS, checked_env, data_of, logged_sessions
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_demos.forms import checked_form, write_dataset
from ilrec_gym.data.log_sessions import GAP, times_are_exact
from ilrec_gym.envs.movielens import MovieLensEnv

__all__ = ["REWARDS", "data_of", "logged_sessions", "write_logs"]


def write_logs(
    env: gym.Env[Any, Any],
    target: str | os.PathLike[str],
    *,
    form: str = "d3rlpy",
    name: str | None = None,
    gap: float | None = GAP,
    log_end: str = "data",
    reward: str = "rating",
    allow_test_users: bool = False,
) -> tuple[SessionDataset, Path]:
    """Write the real sessions of an environment's users, with a card.

    Args:
        env: As in :func:`logged_sessions`, as the other arguments.
        target: The HDF5 file for d3rlpy; for Minari the folder that ``MINARI_DATASETS_PATH`` names.
        form: ``"d3rlpy"`` or ``"minari"``.
        name: The id of the Minari dataset; by default ``ilrec/DATASET/logs-v0``.
        gap: Minutes of silence that end a session.
        log_end: What is not known.
        reward: What the rewards are.
        allow_test_users: Whether the users may be those that agents are evaluated on.

    Returns:
        The dataset, and the file or folder that holds it.

    Raises:
        As :func:`logged_sessions`; StorageError: no space or no permission; MissingExtraError: an extra is missing.
    """
    start, choices = time.perf_counter(), {"gap": gap, "log_end": log_end, "reward": reward}
    base: MovieLensEnv = env.unwrapped  # type: ignore[assignment]
    checked_form(form, name)
    checked_env(env, allow_test_users)
    data = data_of(base)
    dataset = logged_sessions(env, data, gap=gap, log_end=log_end, reward=reward, allow_test_users=allow_test_users)
    place = write_dataset(
        dataset, target, form=form, name=name, parts=(base.scenario.name, "logs"),
        observation_space=base.layout.space(),
        algorithm="users of the log",
        description=f"Real rating sequences of {base.scenario.name}, split {base.split}.",
        parameters={**choices, "dataset": base.scenario.name, "split": base.split},
        inputs={"interactions": data.checksum, "scenario": base.scenario.fingerprint},
        seconds=time.perf_counter() - start, reward=REWARDS[reward],
        source="a log: the user model of the environment had no part in ratings and ends",
        times_exact=times_are_exact(data.interactions),
    )  # fmt: skip
    return dataset, place
