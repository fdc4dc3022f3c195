"""Stretches of sessions as a decision transformer reads them: the last K steps up to some step, padded in front."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.offline.quiet import import_d3rlpy


def window(last: Any, width: int) -> tuple[Any, Any]:
    """Places of the ``width`` steps up to ``last`` ``(B,)``: ``(B, width)``, and which of them there are.

    Places in front of the first are 0 and are not there.
    """
    places = last[:, None] - np.arange(width - 1, -1, -1)
    return places.clip(0), places >= 0


class Windows:
    """Draws windows that end at a step drawn uniformly with replacement, the same ones for the same seed.

    Attributes:
        observations: ``(N, d)`` those of all steps.
        mean_length: Mean number of steps in a window, padding left out.

    Args:
        dataset: The sessions.
        to_go: ``(N,)`` returns to go.
        width: Steps per window.
        size: Windows per batch.
        seed: Of the draws.
        device: Where the tensors live.
    """

    def __init__(
        self,
        dataset: SessionDataset,
        to_go: NDArray[np.floating],
        width: int,
        size: int,
        *,
        seed: int,
        device: torch.device,
    ) -> None:
        steps, lengths = dataset.transitions(), dataset.lengths
        self.observations = steps.observations
        self._x = torch.from_numpy(steps.observations).to(device)
        self._action = torch.from_numpy(steps.actions)[:, None].to(device)
        self._to_go = torch.from_numpy(np.asarray(to_go, np.float32))[:, None].to(device)
        self._step = np.arange(len(steps)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        self.mean_length = float(np.minimum(self._step + 1, width).mean())
        self._width, self._size, self._rng = width, size, np.random.default_rng(seed)
        self._made, self._device = import_d3rlpy().torch_utility.TorchTrajectoryMiniBatch, device

    def draw(self) -> Any:
        """The next batch, as d3rlpy's ``TorchTrajectoryMiniBatch``."""
        ends = self._rng.integers(0, len(self._step), self._size)
        places, there = window(self._step[ends], self._width)
        rows = torch.from_numpy((ends - self._step[ends])[:, None] + places).to(self._device)
        nothing = torch.zeros(*rows.shape, 1, device=self._device)
        return self._made(
            observations=self._x[rows],
            actions=self._action[rows],
            rewards=nothing,
            returns_to_go=self._to_go[rows],
            terminals=nothing,  # the loss reads neither these nor the rewards
            timesteps=torch.from_numpy(np.where(there, places + 1, 0)).to(self._device),
            masks=torch.from_numpy(there.astype(np.float32)).to(self._device),
            device=str(self._device),
        )
