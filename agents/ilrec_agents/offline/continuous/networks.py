"""An actor that points into a space of items, critics of (observation, point), and the items. Needs torch."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ilrec_agents.networks import Standardise
from ilrec_agents.offline.continuous.embedding import Space


class Reader(nn.Module):
    """Reads observations: two hidden layers, and the standardised observation beside them for what is linear.

    Args:
        scale: Fitted to observations ``(N, d)``.
        hidden: Width of the layers.
    """

    def __init__(self, scale: Standardise, hidden: int) -> None:
        super().__init__()
        self.scale = copy.deepcopy(scale)
        n = len(scale.mean)
        self.body = nn.Sequential(nn.Linear(n, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.size = hidden + n

    def forward(self, x: Tensor) -> Tensor:
        """``(B, d)`` to ``(B, size)``."""
        x = self.scale(x)
        return torch.cat([self.body(x), x], dim=1)


class Meets(nn.Module):
    """How an observation and a point meet: the inner products that a space names, each divided by its spread.

    Args:
        space: Of the items.
        observations: ``(N, d)`` what the spread is fitted on, with points ``(N, k)``; None: to be loaded.
        points: Of the items that were shown there.
    """

    decode: Tensor
    offset: Tensor
    spread: Tensor

    def __init__(self, space: Space, observations: Tensor | None = None, points: Tensor | None = None) -> None:
        super().__init__()
        self.meets = space.meets
        for name, value in zip(("decode", "offset"), space.decoder, strict=True):
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32))
        self.register_buffer("spread", torch.ones(len(self.meets)))
        if observations is not None and points is not None:
            self.spread = self(observations, points).std(dim=0) + 1e-3

    def forward(self, x: Tensor, a: Tensor) -> Tensor:
        """Observations ``(..., d)`` as the environment gives them and points ``(..., k)`` to ``(..., meets)``."""
        features = a @ self.decode + self.offset
        products = [(x[..., here] * features[..., there]).sum(dim=-1) for here, there in self.meets]
        return torch.stack(products, dim=-1) / self.spread


class PairReader(nn.Module):
    """Reads observations and points: how they meet, hidden layers of all that, and the products of two towers.

    What an item is worth is made of products, of taste and item, of memory and content, which a network of sums has to
    piece together. The hidden layers are normalised, which keeps values of points that no log shows within bounds (Ball
    et al., ICML 2023).

    Args:
        scale: Fitted to observations ``(N, d)``.
        meets: Of observations and points.
        hidden: Width of the layers and towers.
    """

    def __init__(self, scale: Standardise, meets: Meets, hidden: int) -> None:
        super().__init__()
        self.scale, self.meets = copy.deepcopy(scale), copy.deepcopy(meets)
        n, k, m = len(scale.mean), len(meets.decode), len(meets.spread)
        self.of_observation, self.of_point = nn.Linear(n, hidden), nn.Linear(k + m, hidden, bias=False)
        self.body = nn.Sequential(
            nn.LayerNorm(hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.LayerNorm(hidden), nn.ReLU()
        )
        self.query, self.key = nn.Linear(n, hidden), nn.Linear(k, hidden, bias=False)
        self.size = 2 * hidden + k + m

    def forward(self, x: Tensor, a: Tensor) -> Tensor:
        """``(..., d)`` and ``(..., k)`` to ``(..., size)``; ``(B, 1, d)`` goes with n points of each ``(B, n, k)``."""
        point = torch.cat([a, self.meets(x, a)], dim=-1)
        x = self.scale(x)
        hidden = self.body(self.of_observation(x) + self.of_point(point))
        return torch.cat([hidden, self.query(x) * self.key(a), point], dim=-1)


class Critic(nn.Module):
    """Q(x, a): a reader of both and the layer behind it."""

    def __init__(self, reader: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.reader, self.head = reader, head

    def forward(self, x: Tensor, a: Tensor) -> Tensor:
        """``(..., d)`` and ``(..., k)`` to ``(..., 1)``."""
        value: Tensor = self.head(self.reader(x, a))
        return value


class ItemPolicy(nn.Module):
    """What was learned: a(x) = tanh(actor(x)), critics Q_j(x, a), and where the items lie.

    Args:
        actor: Observations ``(B, d)`` to points before the tanh ``(B, k)``.
        critics: Observations ``(B, d)`` and points ``(B, k)`` to values ``(B, 1)``.
        items: ``(I, k)`` vectors of the items.
    """

    items: Tensor

    def __init__(self, actor: nn.Module, critics: Sequence[nn.Module], items: Tensor) -> None:
        super().__init__()
        self.actor, self.critics = actor, nn.ModuleList(critics)
        self.register_buffer("items", items)

    def closeness(self, x: Tensor, candidates: Tensor | None) -> Tensor:
        """``x_i . a - |x_i|^2 / 2`` of all items ``(B, I)`` or those of candidates ``(B, n)``: largest for the nearest.

        As the wrapper's exact search has it, with the sign turned around.
        """
        point, half_norms = torch.tanh(self.actor(x)), self.items.square().sum(dim=1) / 2
        if candidates is None:
            return point @ self.items.T - half_norms
        return (self.items[candidates] @ point[:, :, None])[..., 0] - half_norms[candidates]

    def values(self, x: Tensor, items: Tensor) -> Tensor:
        """min_j Q_j(x, clip(x_i)) of items ``(B, n)``, as they were learned: clipped to the box."""
        points = self.items[items].clamp(-1.0, 1.0)
        values = [critic(x[:, None], points)[..., 0] for critic in self.critics]
        return torch.stack(values).amin(dim=0)


def fresh_policy(scale: Standardise, meets: Meets, hidden: int, items: Tensor, critics: int) -> ItemPolicy:
    """An :class:`ItemPolicy` with fresh weights, to be loaded.

    Args:
        scale: Of observations.
        meets: Of observations and points.
        hidden: Width of all layers.
        items: ``(I, k)`` where the items lie.
        critics: How many.
    """
    actor, pairs = Reader(scale, hidden), [PairReader(scale, meets, hidden) for _ in range(critics)]
    return ItemPolicy(
        nn.Sequential(actor, nn.Linear(actor.size, items.shape[1])),
        [Critic(pair, nn.Linear(pair.size, 1)) for pair in pairs],
        items,
    )
