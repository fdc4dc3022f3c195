"""Whether datasets come from the environment at hand."""

from __future__ import annotations

from typing import Any

from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError


def check_datasets(task: Task, **datasets: Any) -> None:
    """Refuse what is no dataset, or one of another task.

    Raises:
        UsageError: Either of them; the keyword is what it is called.
    """
    for name, dataset in datasets.items():
        if not isinstance(dataset, SessionDataset):
            raise UsageError(
                f"the {name} must be a SessionDataset",
                received=dataset,
                cause="a path, an environment or a ReplayBuffer in its place",
                fix="ilrec_agents.offline.dataset.read_hdf5(path) reads one",
            )
        ours, theirs = task.description, dataset.task.description
        differs = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
        if differs:
            raise UsageError(
                f"the {name} must come from the environment at hand",
                received=f"differs in: {', '.join(differs)}",
                cause="sessions of another environment or version",
                fix="make the same environment again",
            )
