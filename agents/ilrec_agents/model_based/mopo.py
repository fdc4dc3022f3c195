"""MOPO: play in a learned world, and be paid less where the world model is not sure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.checks import number, one_of
from ilrec_agents.model_based.agent import ModelBasedAgent, ModelBasedConfig
from ilrec_agents.offline.episodes import SessionDataset

if TYPE_CHECKING:
    from ilrec_agents.model_based.imagined import Penalty
    from ilrec_agents.model_based.steps import Before
    from ilrec_agents.model_based.world_model import Prediction

UNCERTAINTIES = ("noise", "spread", "std")


@dataclass(frozen=True)
class MOPOConfig(ModelBasedConfig):
    """Settings of ``mopo``, besides those of every model-based agent.

    Attributes:
        penalty: lambda, in ratings per rating of uncertainty.
        uncertainty: u: "noise": max_k s_k, the largest of the members' own standard deviations (the paper's);
            "spread": the standard deviation of their means; "std": of their mixture.
    """

    penalty: float = 1.0
    uncertainty: str = "noise"

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "penalty")
        one_of(self, "uncertainty", UNCERTAINTIES)


class MOPOAgent(ModelBasedAgent):
    """Learns by playing with imagined viewers, and is paid less where the world model is not sure.

    r~(s, a) = r^(s, a) - lambda u(s, a), less its mean over the log where ``centred``
    """

    name = "mopo"
    source = "Yu et al., NeurIPS 2020"
    Config = MOPOConfig
    config: MOPOConfig

    def _penalty(self, dataset: SessionDataset) -> Penalty:
        weight, which = self.config.penalty, self.config.uncertainty

        def uncertain(said: Prediction, before: Before, items: NDArray[np.int64]) -> NDArray[np.float64]:
            doubt: NDArray[np.float64] = getattr(said, which)
            return weight * doubt

        return uncertain
