"""Quantiles of the return, for sb3-contrib. Import after ``quiet.import_contrib``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sb3_contrib
import torch
from sb3_contrib.common.utils import quantile_huber_loss
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
        quantiles: Tensor = self.scores(x)[:, None] + self.width(x).exp()[:, None] * self._around(x)[..., None]
        return quantiles

    def of(self, x: Tensor, actions: Tensor) -> Tensor:
        """Quantiles ``(B, N)`` of one action ``(B, 1)`` per row."""
        width = self.width(x).gather(1, actions).exp()
        quantiles: Tensor = self.scores(x).gather(1, actions) + width * self._around(x)
        return quantiles

    def _around(self, x: Tensor) -> Tensor:
        """u_k - mean_j u_j, ``(B, N)``."""
        shape: Tensor = self.shape(x)
        return shape - shape.mean(dim=1, keepdim=True)


class QRDQN(RowsExplore, sb3_contrib.QRDQN):
    """sb3-contrib's, its rows exploring one by one, and without the quantiles of actions that nobody asks for.

    Those are N times the catalogue, for every row of a batch: nearly all of the time that an update takes.
    """

    replay_buffer: Any
    max_grad_norm: float

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Make some updates on batches from the buffer."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        losses = []
        for _ in range(gradient_steps):
            loss = self._loss(self.replay_buffer.sample(batch_size, env=self._vec_normalize_env))
            self.policy.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
            self.policy.optimizer.step()
            losses.append(loss.item())
        self._n_updates += gradient_steps
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/loss", np.mean(losses))

    def _loss(self, batch: Any) -> Tensor:
        """Of the quantiles of what was played, against y + gamma theta'(s', a') of the best next action."""
        policy: Any = self.policy
        now, target = policy.quantile_net.quantile_net, policy.quantile_net_target.quantile_net
        with torch.no_grad():
            best = target.scores(batch.next_observations).argmax(dim=1, keepdim=True)
            later = target.of(batch.next_observations, best)
            wanted = batch.rewards + (1 - batch.dones) * self.gamma * later
        loss: Tensor = quantile_huber_loss(now.of(batch.observations, batch.actions), wanted)
        return loss


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
