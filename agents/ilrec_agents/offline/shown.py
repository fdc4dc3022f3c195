"""Which items the sessions of a dataset showed, to whom, and what they were rated."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError


def items_shown(dataset: SessionDataset, task: Task) -> NDArray[np.int64]:
    """``(N,)`` indices of the items shown at every step: the actions over a whole catalogue, else by ``item_id``.

    Raises:
        UsageError: Items were on offer, and the dataset does not say which one was shown; or ids of other items.
    """
    if not task.n_candidates:
        return dataset.transitions().actions
    missing = sum("item_id" not in episode.extras for episode in dataset.episodes)
    if missing:
        raise UsageError(
            "the dataset must say which item was shown: every session needs the extra 'item_id'",
            received=f"{missing} of {len(dataset)} sessions have none",
            cause="actions are places on offer, and another item lies there at every step",
            fix="collect the sessions with ilrec_demos or ilrec_agents, which keep it",
        )
    return task.catalogue.indices_of(dataset.column("item_id"))


def histories(dataset: SessionDataset, task: Task) -> dict[str, NDArray[Any]]:
    """The infos at the ends of all N sessions that tell their histories; -1 and nan behind the last step.

    Returns:
        ``step`` and ``user_index`` ``(N,)``, ``history_items`` and ``history_ratings`` ``(N, T)``.

    Raises:
        UsageError: Sessions do not say which items they showed, or whom they showed them.
    """
    missing = sum("user_id" not in episode.extras for episode in dataset.episodes)
    if missing:
        raise UsageError(
            "the dataset must say who watched: every session needs the extra 'user_id'",
            received=f"{missing} of {len(dataset)} sessions have none",
            cause="tastes of viewers start from what their profiles tell",
            fix="collect the sessions with ilrec_demos or ilrec_agents, which keep it",
        )
    steps = np.array([len(episode) for episode in dataset.episodes])
    there = np.arange(steps.max()) < steps[:, None]
    items, ratings = np.full(there.shape, -1), np.full(there.shape, np.nan)
    items[there], ratings[there] = items_shown(dataset, task), dataset.transitions().rewards
    users = np.array([task.users.index_of(int(episode.extras["user_id"][0])) for episode in dataset.episodes])
    return {"step": steps, "user_index": users, "history_items": items, "history_ratings": ratings}
