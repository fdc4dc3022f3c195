"""Which items the sessions of a dataset showed."""

from __future__ import annotations

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
