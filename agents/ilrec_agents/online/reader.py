"""A network that reads a session from its beginning. Needs torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ilrec_agents.networks import Standardise
from ilrec_gym.envs.observation import Layout


class Reader(nn.Module):
    """f(x_t + s W h_t), h_t = LSTM(z_t, h_{t-1}), z = (x - m) / s. LSTM and W leave out the items on offer.

    Args:
        scale: From x to z.
        layout: Of observations.
        body: f, observations ``(B, d)`` to ``(B, n)``.
        hidden: Width of h.
    """

    def __init__(self, scale: Standardise, layout: Layout, body: nn.Module, hidden: int) -> None:
        super().__init__()
        self.offered = layout.sizes.get("candidates", 0)
        context = layout.size - self.offered
        self.scale, self.body = scale, body
        self.lstm, self.memory_to_input = nn.LSTM(context, hidden), nn.Linear(hidden, context, bias=False)
        nn.init.zeros_(self.memory_to_input.weight)

    def read(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Sequences ``(K, B, d)`` to memories ``(K, B, hidden)``, and the state to go on from."""
        h: tuple[Tensor, tuple[Tensor, Tensor]] = self.lstm(self.scale(x)[..., : self.lstm.input_size], state)
        return h

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """Observations ``(B, d)`` and memories ``(B, hidden)`` that have read them, to ``(B, n)``."""
        out: Tensor = self.body(x + self.scale.std * pad(self.memory_to_input(h), (0, self.offered)))
        return out

    def after(self, x: Tensor, lengths: Tensor) -> Tensor:
        """What comes out after sessions ``(B, K, d)`` of so many steps ``(B,)``, each read from its beginning."""
        rows = torch.arange(len(x), device=x.device)
        memories, _ = self.read(x.transpose(0, 1))
        out: Tensor = self(x[rows, lengths - 1], memories[lengths - 1, rows])
        return out
