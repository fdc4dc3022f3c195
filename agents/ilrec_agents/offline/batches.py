"""Batches for d3rlpy's update, cut from a few flat tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.offline.quiet import import_d3rlpy
from ilrec_agents.seen import Seen


class Batches:
    """Draws transitions uniformly with replacement, the same ones for the same seed.

    Every observation is stored once: the one after a step is the next row.

    Attributes:
        observations: ``(N + E, d)`` all observations, those after the last steps included.
        session: ``(N,)`` session of each step.
        step: ``(N,)`` its number there, from 0.

    Args:
        dataset: The sessions.
        rewards: ``(N,)`` rewards to learn from.
        size: Transitions per batch.
        seed: Of the draws.
        device: Where the tensors live.
        seen: Which items were seen when. Where given, the next observations of a batch carry it: their attribute
            ``forbidden`` is a bool tensor ``(B, n_actions)`` of the actions that the mask forbids there.
    """

    def __init__(
        self,
        dataset: SessionDataset,
        rewards: NDArray[np.floating],
        size: int,
        *,
        seed: int,
        device: torch.device,
        seen: Seen | None = None,
    ) -> None:
        lengths = dataset.lengths
        ends = np.cumsum(lengths)
        terminals = np.zeros(len(rewards), np.float32)
        terminals[ends - 1] = [episode.terminated for episode in dataset.episodes]
        session = np.repeat(np.arange(len(dataset)), lengths)
        self.observations = np.concatenate([episode.observations for episode in dataset.episodes])
        self._x = torch.from_numpy(self.observations).to(device)
        # Row of step t of session e: one observation more per session than there are steps.
        self._row = torch.from_numpy(np.arange(len(rewards)) + session).to(device)
        self.session = torch.from_numpy(session).to(device)
        self.step = torch.from_numpy(np.arange(len(rewards)) - np.repeat(ends - lengths, lengths)).to(device)
        self._action = torch.from_numpy(np.concatenate([e.actions for e in dataset.episodes]))[:, None].to(device)
        self._reward = torch.from_numpy(np.asarray(rewards, np.float32))[:, None].to(device)
        self._terminal = torch.from_numpy(terminals)[:, None].to(device)
        self._ones = torch.ones(size, 1, device=device)
        self._made = import_d3rlpy().torch_utility.TorchMiniBatch
        self._size, self._rng, self._seen, self.device = size, np.random.default_rng(seed), seen, device

    def steps(self) -> Tensor:
        """``(B,)`` the steps of the next batch."""
        return torch.from_numpy(self._rng.integers(0, len(self._row), self._size)).to(self.device)

    def before(self, steps: Tensor) -> tuple[Any, Tensor]:
        """Observations ``(B, d)`` and actions ``(B, 1)`` of these steps, the observations with what is forbidden."""
        x: Any = self._x[self._row[steps]]
        if self._seen is not None:
            x.forbidden = self._seen.before(self.session[steps], self.step[steps])
        return x, self._action[steps]

    def draw(self) -> Any:
        """The next batch, as d3rlpy's ``TorchMiniBatch``."""
        return self.at(self.steps())

    def at(self, steps: Tensor) -> Any:
        """The batch of these steps ``(B,)``."""
        rows, actions, rewards = self._row[steps], self._action[steps], self._reward[steps]
        following: Any = self._x[rows + 1]
        if self._seen is not None:
            following.forbidden = self._seen.before(self.session[steps], self.step[steps] + 1)
        return self._made(
            observations=self._x[rows],
            actions=actions,
            rewards=rewards,
            next_observations=following,
            next_actions=actions,
            returns_to_go=rewards,
            terminals=self._terminal[steps],  # the first two are not used
            intervals=self._ones,
            device=str(self.device),
        )
