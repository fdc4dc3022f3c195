"""A network of batch-constrained Q-learning: values, and which actions they are asked of."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax


class ConstrainedScores(nn.Module):
    """score(a) = Q(a) where G(a) > tau max_b G(b), b unmasked; otherwise below all Q, the likelier the higher.

    Args:
        q: Q values.
        imitator: Logits of G.
        tau: Least share of the likeliest action's probability.
    """

    def __init__(self, q: nn.Module, imitator: nn.Module, tau: float) -> None:
        super().__init__()
        self.q, self.imitator, self.least = q, imitator, math.log(tau)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Observations ``(B, d)`` and what may be chosen, ``(B, n_actions)``, to scores ``(B, n_actions)``."""
        q, log_g = self.q(x), log_softmax(self.imitator(x), dim=1)
        if mask is not None:
            log_g = torch.where(mask, log_g, -torch.inf)
        ratio = log_g - log_g.amax(dim=1, keepdim=True)
        below = q.amin(dim=1, keepdim=True) + ratio
        return torch.where(ratio > self.least, q, below)
