"""Batches whose actions are points: where the item that was shown lies."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ilrec_agents.offline.batches import Batches
from ilrec_agents.offline.episodes import SessionDataset


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
