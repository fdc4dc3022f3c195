"""The project's networks as parts of d3rlpy's algorithms. Import after ``quiet.import_d3rlpy``."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from d3rlpy.algos import DiscreteBC
from d3rlpy.algos.qlearning.torch.bc_impl import DiscreteBCImpl, DiscreteBCModules
from d3rlpy.models.encoders import EncoderFactory
from d3rlpy.models.q_functions import QFunctionFactory
from d3rlpy.models.torch import CategoricalPolicy, DiscreteMeanQFunctionForwarder
from d3rlpy.models.torch.q_functions.base import DiscreteQFunction, QFunctionOutput
from torch import Tensor, nn
from torch.distributions import Categorical
from torch.nn.functional import huber_loss

from ilrec_agents.offline.seen import masked
from ilrec_agents.seen import NEVER


@dataclass
class ScoresFactory(EncoderFactory):
    """Makes networks whose output is the scores themselves.

    Attributes:
        build: Makes one, with fresh weights.
    """

    build: Callable[[], nn.Module]

    def create(self, observation_shape: tuple[int, ...]) -> nn.Module:
        """A new network."""
        return self.build()


@dataclass
class ScoresQFunctionFactory(QFunctionFactory):
    """Takes the encoder's output as Q values, without d3rlpy's linear layer behind it.

    Attributes:
        masks: Whether actions that the mask forbids are no best actions. Where a policy chooses, it is the policy's.
    """

    masks: bool = True

    def create_discrete(
        self, encoder: nn.Module, hidden_size: int, action_size: int
    ) -> tuple[DiscreteQFunction, DiscreteMeanQFunctionForwarder]:
        """The Q function and the forwarder for it."""
        q_function = ScoresQFunction(encoder)
        return q_function, ScoresForwarder(q_function, action_size, self.masks)


class ScoresQFunction(DiscreteQFunction):
    """Q(x, .) = network(x)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> QFunctionOutput:
        """Q values ``(B, n_actions)`` of observations ``(B, d)``."""
        return QFunctionOutput(q_value=self.network(x), quantiles=None, taus=None)

    @property
    def encoder(self) -> nn.Module:
        """The network."""
        return self.network


class ScoresForwarder(DiscreteMeanQFunctionForwarder):
    """d3rlpy's forwarder for Q functions without quantiles, with masks, and faster.

    The best action is one that the mask allows. Q(s, .) is computed once per update where d3rlpy's CQL asks twice, and
    values are picked by their place, not by a product with ones and zeros as wide as the catalogue.
    """

    def __init__(self, q_func: ScoresQFunction, action_size: int, masks: bool) -> None:
        super().__init__(q_func, action_size)
        self._masks = masks
        self._kept: tuple[Tensor, Tensor] | None = None

    def compute_expected_q(self, x: Tensor) -> Tensor:
        """Q values ``(B, n_actions)``, minus infinity where the mask forbids the action."""
        kept, self._kept = self._kept, None
        if kept is not None and kept[0] is x and torch.is_grad_enabled():
            return kept[1]
        values: Tensor = self._q_func(x).q_value
        return masked(x, values, -math.inf) if self._masks else values

    def compute_error(
        self,
        observations: Tensor,
        actions: Tensor,
        rewards: Tensor,
        target: Tensor,
        terminals: Tensor,
        gamma: float | Tensor = 0.99,
        reduction: str = "mean",
    ) -> Tensor:
        """huber(r + gamma target - Q(s, a))."""
        values = self._q_func(observations).q_value
        self._kept = (observations, values)
        y = rewards + gamma * target * (1 - terminals)
        return huber_loss(values.gather(1, actions.view(-1, 1)), y, reduction=reduction)

    def compute_target(self, x: Tensor, action: Tensor | None = None) -> Tensor:
        """Q(x, action) ``(B, 1)``, or all ``(B, n_actions)``."""
        values: Tensor = self._q_func(x).q_value
        return values if action is None else values.gather(1, action.view(-1, 1))


class ScoresPolicy(CategoricalPolicy):
    """pi(. | x) = softmax(network(x)), 0 where the mask forbids the action."""

    def __init__(self, network: nn.Module) -> None:
        nn.Module.__init__(self)
        self.network = network

    def forward(self, x: Tensor) -> Categorical:
        """The distribution over actions."""
        return Categorical(logits=masked(x, self.network(x), NEVER), validate_args=False)


class ScoresBC(DiscreteBC):
    """d3rlpy's discrete BC on a :class:`ScoresPolicy`."""

    def inner_create_impl(self, observation_shape: tuple[int, ...], action_size: int) -> None:
        """As d3rlpy's, with the encoder's output as logits."""
        policy = ScoresPolicy(self.config.encoder_factory.create(observation_shape)).to(self._device)
        optimizer = self.config.optim_factory.create(
            policy.named_modules(), lr=self.config.learning_rate, compiled=self.compiled
        )
        self._impl = DiscreteBCImpl(
            observation_shape=observation_shape,
            action_size=action_size,
            modules=DiscreteBCModules(optim=optimizer, imitator=policy),
            beta=self.config.beta,
            compiled=self.compiled,
            device=self._device,
        )
