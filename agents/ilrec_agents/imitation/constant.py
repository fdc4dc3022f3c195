"""A reward that knows nothing: the control for every learned one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Actions, Observations
from ilrec_agents.checks import number
from ilrec_agents.imitation.reward_model import RewardModel


@dataclass(frozen=True)
class ConstantRewardConfig:
    """Settings of ``constant``.

    Attributes:
        value: The reward of every step.
    """

    value: float = 1.0

    def __post_init__(self) -> None:
        number(self, "value", low=-math.inf)


class ConstantReward(RewardModel):
    """The same for every step, so that only staying pays. The end of a session changes nothing."""

    name = "constant"
    Config = ConstantRewardConfig
    config: ConstantRewardConfig

    def __call__(
        self,
        observations: Observations,
        actions: Actions,
        next_observations: Observations,
        terminals: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        return np.full(len(actions), self.config.value, np.float32)
