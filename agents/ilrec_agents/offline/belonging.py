"""Whether datasets come from the environment at hand, and hold its ratings."""

from __future__ import annotations

from typing import Any

import numpy as np

from ilrec_agents.descriptions import differences
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError


def check_datasets(task: Task, **datasets: Any) -> None:
    """Refuse what is no dataset, one of another task, or one of other shapes than its own.

    Raises:
        UsageError: Any of them; the keyword is what it is called.
    """
    for name, dataset in datasets.items():
        if not isinstance(dataset, SessionDataset):
            raise UsageError(
                f"the {name} must be a SessionDataset",
                received=dataset,
                cause="a path, an environment or a ReplayBuffer in its place",
                fix="ilrec_agents.offline.dataset.read_hdf5(path) reads one",
            )
        if differs := differences(task.description, dataset.task.description):
            raise UsageError(
                f"the {name} must come from the environment at hand",
                received=f"differs in: {differs}",
                cause="sessions of another environment or version",
                fix="make the same environment again",
            )
        if (dataset.n_actions, dataset.observation_dim) != (task.n_actions, task.layout.size):
            raise UsageError(
                f"the {name} must have {task.n_actions} actions and observations of length {task.layout.size}",
                received=f"{dataset.n_actions} actions, observations of length {dataset.observation_dim}",
                cause="a dataset put together by hand, with the description of another one",
                fix="give it the n_actions and the observations of the environment that it describes",
            )


def check_ratings(dataset: SessionDataset, task: Task) -> None:
    """Refuse rewards that are not what viewers rated.

    Raises:
        UsageError: The observation after a step tells another rating than its reward.
    """
    told = np.concatenate([task.layout.part(e.observations[1:], "ratings")[:, 0] for e in dataset.episodes])
    ratings = told * task.half + sum(task.rating_scale) / 2
    wrong = np.abs(ratings - np.concatenate([e.rewards for e in dataset.episodes])) > 1e-3
    if wrong.any():
        raise UsageError(
            "rewards must be the ratings that viewers gave",
            received=f"{int(wrong.sum())} of {len(wrong)} differ from what the next observation says",
            cause="a relabelled dataset",
            fix="use the dataset as it was before",
        )
