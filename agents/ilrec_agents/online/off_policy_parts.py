"""The project's networks as value networks of stable-baselines3. Import after ``quiet.import_sb3``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import stable_baselines3 as sb3
import torch
from numpy.typing import NDArray
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import nn


class RowsExplore:
    """Mixed into an off-policy algorithm: every row explores by itself, among what its mask allows.

    SB3 throws one coin for all rows at once, and knows no mask.
    """

    def _sample_action(
        self: Any, learning_starts: int, action_noise: Any = None, n_envs: int = 1
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        masks = np.stack(self.env.env_method("action_masks"))
        masks |= ~masks.any(axis=1, keepdims=True)
        scores, rate = np.random.random(masks.shape), 1.0
        if self.num_timesteps >= learning_starts:
            rate = self.exploration_rate
            with torch.no_grad():
                best = self.policy.scores(self.policy.obs_to_tensor(self._last_obs)[0]).cpu().numpy()
            scores = np.where(np.random.random(n_envs)[:, None] < rate, scores, best)
        actions = np.where(masks, scores, -np.inf).argmax(axis=1)
        return actions, actions


class DQN(RowsExplore, sb3.DQN):
    """SB3's, its rows exploring one by one."""


class ScoresDQNPolicy(DQNPolicy):
    """Q(x, .) = a given network.

    Args:
        networks: Makes it, with fresh weights.
        arguments: As SB3's.
    """

    def __init__(self, *arguments: Any, networks: Callable[[], nn.Module], **options: Any) -> None:
        self._networks = networks
        super().__init__(*arguments, **options)

    def make_q_net(self) -> QNetwork:
        """Q with fresh weights."""
        made: Any = super().make_q_net()
        made.q_net = self._networks().to(self.device)
        network: QNetwork = made
        return network

    @property
    def scores(self) -> nn.Module:
        """Observations ``(B, d)`` to values ``(B, n_actions)``."""
        return self.q_net.q_net
