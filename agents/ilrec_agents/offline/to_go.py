"""Returns to go."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.offline.episodes import SessionDataset


def returns_to_go(dataset: SessionDataset, rewards: NDArray[np.floating], gamma: float = 1.0) -> NDArray[np.float64]:
    """``(N,)`` sums of the rewards ``(N,)`` from each step to the end of its session, discounted by gamma per step."""
    found = np.array(rewards, np.float64)
    last = np.zeros(len(found), bool)
    last[np.cumsum(dataset.lengths) - 1] = True
    for step in range(len(found) - 2, -1, -1):
        if not last[step]:
            found[step] += gamma * found[step + 1]
    return found
