"""Which items a viewer had seen at each step of a dataset: what the mask forbade there, rebuilt."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.seen import seen_before
from ilrec_agents.task import Task


class SeenInLog:
    """Rebuilds the masks of a dataset over a whole catalogue, where actions are items.

    Datasets store no masks. An item was seen if it was shown before in the session, or if it is in the profile of the
    viewer, who is known where the sessions have the extra ``user_id``. (Among items on offer none was seen before.)

    Args:
        dataset: The sessions.
        task: Whose profiles.
        device: Where the tensors live.
    """

    def __init__(self, dataset: SessionDataset, task: Task, device: torch.device) -> None:
        n, width = len(dataset), task.users.profile_items.shape[1]
        items = np.full((n, width + int(dataset.lengths.max())), -1, np.int64)
        for row, episode in enumerate(dataset.episodes):
            if "user_id" in episode.extras:
                items[row, :width] = task.users.profile_items[task.users.index_of(int(episode.extras["user_id"][0]))]
            items[row, width : width + len(episode)] = episode.actions
        items[items < 0] = task.n_actions
        self._items, self._profile, self._n = torch.from_numpy(items).to(device), width, task.n_actions

    def before(self, sessions: Tensor, steps: Tensor) -> Tensor:
        """``(B, n_actions)`` bool, True for items that were seen before these steps ``(B,)`` of these sessions."""
        return seen_before(self._items[sessions], steps, self._profile, self._n)


def masked(x: Tensor, scores: Tensor, low: float) -> Tensor:
    """Scores ``(B, n_actions)`` of observations ``(B, d)``, ``low`` where the batch says that the mask forbids it."""
    forbidden = getattr(x, "forbidden", None)
    return scores if forbidden is None else scores.masked_fill(forbidden, low)
