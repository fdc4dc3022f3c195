"""Quantiles of the return, for sb3-contrib. Import after ``quiet.import_contrib``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sb3_contrib
from sb3_contrib.qrdqn.policies import QRDQNPolicy, QuantileNetwork
from torch import Tensor, nn

from ilrec_agents.online.off_policy_parts import RowsExplore


class Quantiles(nn.Module):
    """theta_k(x, a) = Q(x, a) + exp(w(x, a)) (u_k(x) - mean_j u_j(x)), whose mean over k is Q.

    Args:
        scores: Q, observations ``(B, d)`` to ``(B, n_actions)``.
        width: w, of the same shapes.
        shape: u, to ``(B, N)``.
        n: Number of quantiles N.
    """

    def __init__(self, scores: nn.Module, width: nn.Module, shape: nn.Module, n: int) -> None:
        super().__init__()
        self.scores, self.width, self.shape, self.n = scores, width, shape, n

    def forward(self, x: Tensor) -> Tensor:
        """Observations ``(B, d)`` to quantiles ``(B, N, n_actions)``."""
        shape = self.shape(x)
        centred = shape - shape.mean(dim=1, keepdim=True)
        quantiles: Tensor = self.scores(x)[:, None] + self.width(x).exp()[:, None] * centred[..., None]
        return quantiles


class QRDQN(RowsExplore, sb3_contrib.QRDQN):
    """sb3-contrib's, its rows exploring one by one."""


class QuantilePolicy(QRDQNPolicy):
    """Quantiles from a given network.

    Args:
        networks: Makes it, with fresh weights.
        arguments: As sb3-contrib's.
    """

    def __init__(self, *arguments: Any, networks: Callable[[], Quantiles], **options: Any) -> None:
        self._networks = networks
        super().__init__(*arguments, **(options | {"n_quantiles": 1}))  # of a network that is thrown away
        self.n_quantiles = self.quantile_net.n_quantiles

    def make_quantile_net(self) -> QuantileNetwork:
        """Quantiles with fresh weights."""
        made: Any = super().make_quantile_net()
        made.quantile_net = self._networks().to(self.device)
        made.n_quantiles = made.quantile_net.n
        network: QuantileNetwork = made
        return network

    @property
    def scores(self) -> nn.Module:
        """Observations ``(B, d)`` to mean returns ``(B, n_actions)``."""
        quantiles: Any = self.quantile_net.quantile_net
        network: nn.Module = quantiles.scores
        return network
