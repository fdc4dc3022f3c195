"""State trackers: what sums a session up. Adding one is a class here and a line in ``config.py``."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import relu, scaled_dot_product_attention

from ilrec_agents.model_based.config import TRACKERS
from ilrec_gym.errors import unknown_name


class Tracker(nn.Module, ABC):
    """Turns a session so far into a state.

    Args:
        averages: Number of decayed averages in the observation.
        features: Number of features of an item.
        hidden: Width of the state, where the tracker chooses it.
        window: Number of items looked back on, L.

    Attributes:
        reads_items: Whether it reads the items shown and the ratings given; the others get no items.
        size: Width of the state.
    """

    reads_items: ClassVar[bool] = True
    size: int

    def __init__(self, averages: int, features: int, hidden: int, window: int) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, averages: Tensor, items: Tensor, given: Tensor, count: Tensor) -> Tensor:
        """States ``(B, size)``.

        Args:
            averages: ``(B, averages)`` standardised decayed averages of the session.
            items: ``(B, L, features)`` features of the last items, oldest first, zeros behind them.
            given: ``(B, L)`` their scaled ratings.
            count: ``(B,)`` how many there are.
        """


class AverageTracker(Tracker):
    """The decayed averages that every observation has: genres shown, taste, ratings, steps."""

    reads_items = False

    def __init__(self, averages: int, features: int, hidden: int, window: int) -> None:
        super().__init__(averages, features, hidden, window)
        self.size = averages

    def forward(self, averages: Tensor, items: Tensor, given: Tensor, count: Tensor) -> Tensor:
        """The averages as they are."""
        return averages


class GRUTracker(Tracker):
    """A gated recurrent unit over items and ratings (Hidasi et al., "Session-based recommendations", ICLR 2016)."""

    def __init__(self, averages: int, features: int, hidden: int, window: int) -> None:
        super().__init__(averages, features, hidden, window)
        self.size, self.enter = hidden, nn.Linear(features + 1, hidden)
        self.gru = nn.GRU(hidden, hidden, batch_first=True)

    def forward(self, averages: Tensor, items: Tensor, given: Tensor, count: Tensor) -> Tensor:
        """What it remembers after the last item; zeros before the first."""
        every, _ = self.gru(relu(self.enter(torch.cat([items, given[..., None]], dim=-1))))
        last = every[torch.arange(len(count)), (count - 1).clamp(min=0)]
        state: Tensor = last * (count > 0)[:, None]
        return state


class SASRecTracker(Tracker):
    """Self-attention over items and ratings (Kang and McAuley, ICDM 2018): two causal blocks, learned positions.

    Position 0 is a learned beginning, so that a session without items has a state too. The state is what the last
    position holds. Dropout is left out; the ensemble's weight decay stands in for it.
    """

    def __init__(self, averages: int, features: int, hidden: int, window: int) -> None:
        super().__init__(averages, features, hidden, window)
        self.size, self.enter = hidden, nn.Linear(features + 1, hidden)
        self.begin = nn.Parameter(torch.zeros(hidden))
        self.position = nn.Parameter(0.1 * torch.randn(window + 1, hidden))
        self.blocks = nn.ModuleList(_Block(hidden) for _ in range(2))
        self.norm = nn.LayerNorm(hidden)

    def forward(self, averages: Tensor, items: Tensor, given: Tensor, count: Tensor) -> Tensor:
        """What the last position holds."""
        entered = self.enter(torch.cat([items, given[..., None]], dim=-1))
        x = torch.cat([self.begin.expand(len(items), 1, -1), entered], dim=1) + self.position
        for block in self.blocks:
            x = block(x)
        state: Tensor = self.norm(x[torch.arange(len(count)), count])
        return state


class _Block(nn.Module):
    """x + attention(norm(x)), then x + ffn(norm(x)); what comes later is not seen, so padding behind does no harm."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.mixed = nn.Linear(hidden, 3 * hidden)
        self.ffn = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.mixed(self.before(x)).chunk(3, dim=-1)
        x = x + scaled_dot_product_attention(query, key, value, is_causal=True)
        mixed: Tensor = x + self.ffn(self.between(x))
        return mixed


def tracker_class(name: str) -> type[Tracker]:
    """The class of a registered tracker.

    Raises:
        UnknownNameError: No such tracker.
    """
    if name not in TRACKERS:
        raise unknown_name("tracker", name, TRACKERS)
    module, attribute = TRACKERS[name].split(":")
    cls: type[Tracker] = getattr(importlib.import_module(module), attribute)
    return cls
