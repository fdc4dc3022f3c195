"""Batches for d3rlpy's update, cut from a few flat tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ilrec_agents.offline.episodes import SessionDataset


class Batches:
    """Draws transitions uniformly with replacement, the same ones for the same seed.

    Every observation is stored once: the one after a step is the next row.

    Attributes:
        observations: ``(N + E, d)`` all observations, those after the last steps included.

    Args:
        dataset: The sessions.
        rewards: ``(N,)`` rewards to learn from.
        size: Transitions per batch.
        seed: Of the draws.
        device: Where the tensors live.
    """

    def __init__(
        self, dataset: SessionDataset, rewards: NDArray[np.floating], size: int, *, seed: int, device: torch.device
    ) -> None:
        lengths = dataset.lengths
        ends = np.cumsum(lengths)
        terminals = np.zeros(len(rewards), np.float32)
        terminals[ends - 1] = [episode.terminated for episode in dataset.episodes]
        self.observations = np.concatenate([episode.observations for episode in dataset.episodes])
        self._x = torch.from_numpy(self.observations).to(device)
        # Row of step t of session e: one observation more per session than there are steps.
        self._row = torch.from_numpy(np.arange(len(rewards)) + np.repeat(np.arange(len(dataset)), lengths)).to(device)
        self._action = torch.from_numpy(np.concatenate([e.actions for e in dataset.episodes]))[:, None].to(device)
        self._reward = torch.from_numpy(np.asarray(rewards, np.float32))[:, None].to(device)
        self._terminal = torch.from_numpy(terminals)[:, None].to(device)
        self._ones = torch.ones(size, 1, device=device)
        self._size, self._rng, self.device = size, np.random.default_rng(seed), device

    def draw(self) -> Any:
        """The next batch, as d3rlpy's ``TorchMiniBatch``."""
        from d3rlpy.torch_utility import TorchMiniBatch

        steps = torch.from_numpy(self._rng.integers(0, len(self._row), self._size)).to(self.device)
        rows, actions, rewards = self._row[steps], self._action[steps], self._reward[steps]
        return TorchMiniBatch(
            observations=self._x[rows],
            actions=actions,
            rewards=rewards,
            next_observations=self._x[rows + 1],
            next_actions=actions,
            returns_to_go=rewards,
            terminals=self._terminal[steps],  # the first two are not used
            intervals=self._ones,
            device=str(self.device),
        )
