"""d3rlpy's algorithms with a policy beside Q, on the project's networks. Import after ``quiet.import_d3rlpy``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from d3rlpy.algos import DiscreteBCQ, DiscreteBCQConfig, DiscreteSAC, DiscreteSACConfig
from d3rlpy.models.encoders import DefaultEncoderFactory, EncoderFactory
from torch import nn

from ilrec_agents.offline.d3rlpy_parts import ScoresPolicy


@dataclass
class ScoresBCQConfig(DiscreteBCQConfig):
    """d3rlpy's, with a network of its own for the model of the log's policy.

    Attributes:
        imitator_factory: Makes that network.
    """

    imitator_factory: EncoderFactory = field(default_factory=DefaultEncoderFactory)

    def create(self, device: Any = False, enable_ddp: bool = False) -> ScoresBCQ:
        """The algorithm."""
        return ScoresBCQ(self, device, enable_ddp)


class ScoresBCQ(DiscreteBCQ):
    """d3rlpy's discrete BCQ, G a :class:`ScoresPolicy`."""

    def inner_create_impl(self, observation_shape: tuple[int, ...], action_size: int) -> None:
        """As d3rlpy's, then with the network's output as logits."""
        super().inner_create_impl(observation_shape, action_size)
        imitator, q_funcs = _policy(self, self.config.imitator_factory), self._impl.modules.q_funcs
        named = [*q_funcs.named_modules(), *imitator.named_modules()]
        optim = self.config.optim_factory.create(named, lr=self.config.learning_rate, compiled=False)
        self._impl._modules = replace(self._impl.modules, imitator=imitator, optim=optim)


class ScoresSACConfig(DiscreteSACConfig):
    """d3rlpy's, for :class:`ScoresSAC`."""

    def create(self, device: Any = False, enable_ddp: bool = False) -> ScoresSAC:
        """The algorithm."""
        return ScoresSAC(self, device, enable_ddp)


class ScoresSAC(DiscreteSAC):
    """d3rlpy's discrete SAC, its actor a :class:`ScoresPolicy`."""

    def inner_create_impl(self, observation_shape: tuple[int, ...], action_size: int) -> None:
        """As d3rlpy's, then with the network's output as logits."""
        super().inner_create_impl(observation_shape, action_size)
        policy = _policy(self, self.config.actor_encoder_factory)
        optim = self.config.actor_optim_factory.create(
            policy.named_modules(), lr=self.config.actor_learning_rate, compiled=False
        )
        self._impl._modules = replace(self._impl.modules, policy=policy, actor_optim=optim)


def _policy(algorithm: Any, factory: EncoderFactory) -> nn.Module:
    return ScoresPolicy(factory.create(algorithm.observation_shape or ())).to(algorithm._device)
