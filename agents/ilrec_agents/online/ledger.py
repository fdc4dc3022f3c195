"""Masks for algorithms that know of none: observations name their session and step, and a ledger what was seen there.

Over a whole catalogue that decides whether they learn: a film that may not be shown again is tried again and again
where nothing forbids it, and the best next value is that of a film that was just shown.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ilrec_agents.seen import NEVER, seen_before
from ilrec_agents.task import Task

NAMES = 2
"""Values before an observation: the number of its session, and the items shown so far."""
MOST = 2**24
"""Sessions that float32 can number."""


class Ledger:
    """What every session played so far has shown, in order, and what its viewer had seen before.

    Args:
        task: Whose profiles and catalogue.
        rows: Sessions side by side.
    """

    def __init__(self, task: Task, rows: int) -> None:
        self._profiles, self._n = task.users.profile_items, task.n_actions
        self._profile = self._profiles.shape[1]
        self._items = np.full((0, self._profile), task.n_actions, np.int32)
        self._sessions, self._count = np.zeros(rows, np.int64), 0

    def begin(self, rows: NDArray[np.integer], users: NDArray[np.integer]) -> None:
        """Number the sessions that begin in these rows ``(R,)`` with users ``(R,)``."""
        self._sessions[rows] = self._count + np.arange(len(rows))
        self._count += len(rows)
        self._grow(self._count, self._items.shape[1])
        known = self._profiles[users]
        self._items[self._sessions[rows], : self._profile] = np.where(known < 0, self._n, known)

    def show(self, items: NDArray[np.integer], steps: NDArray[np.integer]) -> None:
        """Note the items ``(B,)`` shown in every row, where ``steps`` ``(B,)`` were shown before."""
        self._grow(self._count, self._profile + int(steps.max()) + 1)
        self._items[self._sessions, self._profile + steps] = items

    def named(self, observations: NDArray[np.float32], steps: NDArray[np.integer]) -> NDArray[np.float32]:
        """Observations ``(B, d)`` of the rows with their names before them, ``(B, 2 + d)``."""
        names = np.stack([self._sessions, steps], axis=1).astype(np.float32)
        return np.concatenate([names, observations], axis=1)

    def seen(self, x: Tensor) -> Tensor:
        """``(B, n_actions)`` bool for named observations ``(B, 2 + d)``: what may not be shown."""
        sessions, steps = (part.long() for part in x[:, :NAMES].unbind(dim=1))
        items = torch.from_numpy(self._items[sessions.cpu().numpy()].astype(np.int64)).to(x.device)
        seen = seen_before(items, steps, self._profile, self._n)
        return seen & ~seen.all(dim=1, keepdim=True)

    def _grow(self, sessions: int, width: int) -> None:
        rows, columns = self._items.shape
        if sessions > rows or width > columns:
            more = (max(2 * rows, sessions) if sessions > rows else rows, max(width, columns))
            grown = np.full(more, self._n, np.int32)
            grown[:rows, :columns] = self._items
            self._items = grown


class Masked(nn.Module):
    """The network, with what was seen so low that it is never the best, nor drawn.

    Args:
        network: Observations ``(B, d)``, with whatever comes behind them, to scores ``(B, n_actions)``.
        ledger: What was seen.
    """

    def __init__(self, network: nn.Module, ledger: Ledger) -> None:
        super().__init__()
        self.network, self.ledger = network, ledger

    def forward(self, x: Tensor) -> Tensor:
        """Named observations ``(B, 2 + d)`` to scores ``(B, n_actions)``."""
        scores: Tensor = self.network(x[:, NAMES:])
        return scores.masked_fill(self.ledger.seen(x), NEVER)


class Nameless(nn.Module):
    """The network, which is not told the names."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """As the network's, of named observations ``(B, 2 + d)``."""
        out: Tensor = self.network(x[:, NAMES:])
        return out


def masked(network: nn.Module, ledger: Ledger | None) -> nn.Module:
    """The network that scores actions, under masks where there is a ledger."""
    return network if ledger is None else Masked(network, ledger)


def nameless(network: nn.Module, ledger: Ledger | None) -> nn.Module:
    """A network that scores no actions, for the observations that there are with the ledger."""
    return network if ledger is None else Nameless(network)


def bare(network: Any) -> Any:
    """The network itself, for observations as the environment gives them."""
    return network.network if isinstance(network, Masked | Nameless) else network
