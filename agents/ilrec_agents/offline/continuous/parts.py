"""The readers of observations and points as d3rlpy's encoders. Import after ``quiet.import_d3rlpy``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from d3rlpy.models.encoders import EncoderFactory
from torch import nn

from ilrec_agents.networks import Standardise
from ilrec_agents.offline.continuous.networks import Meets, PairReader, Reader


@dataclass
class ReaderFactory(EncoderFactory):
    """Makes the readers of actors, values and critics.

    Attributes:
        scale: Of observations.
        meets: Of observations and points.
        hidden: Width of the layers.
    """

    scale: Standardise
    meets: Meets
    hidden: int

    def create(self, observation_shape: Any) -> nn.Module:
        """A reader of observations."""
        return Reader(self.scale, self.hidden)

    def create_with_action(self, observation_shape: Any, action_size: int, discrete_action: bool = False) -> nn.Module:
        """A reader of observations and points."""
        return PairReader(self.scale, self.meets, self.hidden)


def head_of(module: nn.Module, *names: str) -> nn.Module:
    """The layer behind the encoder of a d3rlpy policy or Q function, which goes by one of these names."""
    layers = dict(module.named_children())
    return next(layers[name] for name in names if name in layers)
