"""Gradient descent as all offline agents do it, for losses in plain torch."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ilrec_agents.offline.offline_agent import OfflineConfig


class Descent:
    """AdamW, its learning rate falling to 0 along half a cosine.

    Args:
        parameters: What is learned; one that is named twice counts once.
        config: Learning rate, weight decay and number of updates.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], config: OfflineConfig) -> None:
        self._optimizer = torch.optim.AdamW(
            list(dict.fromkeys(parameters)), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self._schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self._optimizer, T_max=config.updates)

    def step(self, loss: Tensor) -> None:
        """One step down the gradient of a loss."""
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        self._schedule.step()
