"""The project's networks as parts of d3rlpy's algorithms. Import after ``quiet.import_d3rlpy``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from d3rlpy.algos import DiscreteBC
from d3rlpy.algos.qlearning.torch.bc_impl import DiscreteBCImpl, DiscreteBCModules
from d3rlpy.models.encoders import EncoderFactory
from d3rlpy.models.q_functions import QFunctionFactory
from d3rlpy.models.torch import CategoricalPolicy, DiscreteMeanQFunctionForwarder
from d3rlpy.models.torch.q_functions.base import DiscreteQFunction, QFunctionOutput
from torch import Tensor, nn
from torch.distributions import Categorical


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
    """Takes the encoder's output as Q values, without d3rlpy's linear layer behind it."""

    def create_discrete(
        self, encoder: nn.Module, hidden_size: int, action_size: int
    ) -> tuple[DiscreteQFunction, DiscreteMeanQFunctionForwarder]:
        """The Q function and d3rlpy's own forwarder for it."""
        q_function = ScoresQFunction(encoder)
        return q_function, DiscreteMeanQFunctionForwarder(q_function, action_size)


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


class ScoresPolicy(CategoricalPolicy):
    """pi(. | x) = softmax(network(x))."""

    def __init__(self, network: nn.Module) -> None:
        nn.Module.__init__(self)
        self.network = network

    def forward(self, x: Tensor) -> Categorical:
        """The distribution over actions."""
        return Categorical(logits=self.network(x), validate_args=False)


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
