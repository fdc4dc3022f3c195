"""Batches whose actions are points: where the item that was shown lies."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ilrec_agents.offline.batches import Batches
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError


class PointBatches(Batches):
    """Draws transitions as :class:`Batches` does, with the points of the items shown, clipped to the box.

    Args:
        dataset: The sessions.
        rewards: ``(N,)`` rewards to learn from.
        size: Transitions per batch.
        items: ``(N,)`` indices of the items shown.
        points: ``(I, k)`` where the items lie.
        context: Length of what is read of an observation, from its start.
        seed: Of the draws.
        device: Where the tensors live.
    """

    def __init__(
        self,
        dataset: SessionDataset,
        rewards: NDArray[np.floating],
        size: int,
        *,
        items: NDArray[np.int64],
        points: NDArray[np.float32],
        context: int,
        seed: int,
        device: torch.device,
    ) -> None:
        super().__init__(dataset, rewards, size, seed=seed, device=device)
        self.observations = np.ascontiguousarray(self.observations[:, :context])
        self._x = torch.from_numpy(self.observations).to(device)
        self._action = torch.from_numpy(points[items].clip(-1.0, 1.0)).to(device)


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
            "a dataset for actions among items must say which item was shown: every session needs the extra 'item_id'",
            received=f"{missing} of {len(dataset)} sessions have none",
            cause="actions are places on offer, and another item lies there at every step",
            fix="collect the sessions with ilrec_demos or ilrec_agents, which keep it",
        )
    ids, catalogue = dataset.extra("item_id"), task.catalogue.ids
    order = np.argsort(catalogue)
    places = order[np.searchsorted(catalogue, ids, sorter=order).clip(max=len(order) - 1)]
    strange = ids[catalogue[places] != ids]
    if len(strange):
        raise UsageError(
            "item_id must be ids of the catalogue's items",
            received=strange[:3].tolist(),
            cause="indices of items in place of their ids, or sessions of another data set",
        )
    return places.astype(np.int64)
