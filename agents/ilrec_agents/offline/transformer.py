"""d3rlpy's decision transformer in front of the project's networks. Import after ``quiet.import_d3rlpy``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from d3rlpy.algos.transformer.torch.decision_transformer_impl import (
    DiscreteDecisionTransformerImpl,
    DiscreteDecisionTransformerModules,
)
from d3rlpy.constants import PositionEncodingType
from d3rlpy.models.builders import create_discrete_decision_transformer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from ilrec_agents.offline.d3rlpy_parts import ScoresFactory


@dataclass(frozen=True)
class Size:
    """How large a transformer is.

    Attributes:
        context: Length of what it reads of an observation, from its start: all but the items on offer.
        offered: Length of the rest.
        n_actions: Actions.
        horizon: Most steps of a session.
        width: Steps that it reads, K.
        hidden: Width of a token.
        layers: Blocks.
        heads: Of the attention.
        dropout: Share of units left out while learning.
    """

    context: int
    offered: int
    n_actions: int
    horizon: int
    width: int
    hidden: int
    layers: int
    heads: int
    dropout: float


class SessionTransformer(nn.Module):
    """Scores actions after reading the last K steps of a session.

    scores_t = f(z_t + W h_t),   h_t = transformer(g_{t-K+1}, z_{t-K+1}, a_{t-K+1}, ..., g_t, z_t)

    z is the standardised observation, of which the transformer reads and W changes all but the items on offer; g is
    the return to go, standardised; f is a network that scores actions.

    Args:
        scores: f, with the scaling of observations in front.
        size: Of the transformer.
    """

    returns: Tensor

    def __init__(self, scores: Any, size: Size) -> None:
        super().__init__()
        self.scale, self.body, self.size = scores[0], scores[1], size
        self.transformer = create_discrete_decision_transformer(
            observation_shape=(size.context,),
            action_size=size.n_actions,
            encoder_factory=ScoresFactory(lambda: nn.Linear(size.context, size.hidden)),
            num_heads=size.heads,
            max_timestep=size.horizon,
            num_layers=size.layers,
            context_size=size.width,
            attn_dropout=size.dropout,
            resid_dropout=size.dropout,
            embed_dropout=size.dropout,
            activation_type="gelu",
            embed_activation_type="tanh",
            position_encoding_type=PositionEncodingType.SIMPLE,
            device="cpu",
            enable_ddp=False,
        )
        self.transformer._output = nn.Identity()  # f scores the actions, which may be places among items on offer
        self.to_input = nn.Linear(size.hidden, size.context, bias=False)
        # Mean and deviation of returns to go, their least, and the return that is asked for.
        self.register_buffer("returns", torch.tensor([0.0, 1.0, 0.0, 0.0]))

    def forward(self, x: Tensor, action: Tensor, to_go: Tensor, steps: Tensor, absent: Tensor) -> tuple[None, Tensor]:
        """Scores ``(B, K, n_actions)``, in the place where d3rlpy looks for logits.

        Args:
            x: ``(B, K, d)`` observations.
            action: ``(B, K, 1)`` actions; the last is not read when it acts.
            to_go: ``(B, K, 1)`` returns to go, in units of the reward.
            steps: ``(B, K)`` number of each step from 1; 0 where there is none.
            absent: ``(B, K)`` 1 where there is none.
        """
        z = self.scale(x)
        mean, deviation = self.returns[0], self.returns[1]
        _, h = self.transformer(z[..., : self.size.context], action, (to_go - mean) / deviation, steps, absent)
        z = z + pad(self.to_input(h), (0, self.size.offered))
        scores: Tensor = self.body(z.flatten(0, 1))
        return None, scores.unflatten(0, z.shape[:2])


class SessionTransformerImpl(DiscreteDecisionTransformerImpl):
    """d3rlpy's update, with a loss over steps that there are; d3rlpy's counts the padding too."""

    @classmethod
    def of(cls, transformer: SessionTransformer, optim: Any, rate: float, tokens: int, device: str) -> Any:
        """Ready to learn from so many steps in all, counted with repetition; the rate grows over the first 5%."""
        return cls(
            observation_shape=(transformer.size.context + transformer.size.offered,),
            action_size=transformer.size.n_actions,
            modules=DiscreteDecisionTransformerModules(transformer=transformer, optim=optim),
            warmup_tokens=tokens // 20,
            final_tokens=tokens,
            initial_learning_rate=rate,
            compiled=False,
            device=device,
        )

    def compute_loss(self, batch: Any) -> Tensor:
        """-log pi(a_t | what it has read), the mean over steps."""
        _, scores = self._modules.transformer(
            batch.observations, batch.actions, batch.returns_to_go, batch.timesteps, 1 - batch.masks
        )
        there = batch.masks.bool()
        loss: Tensor = cross_entropy(scores[there], batch.actions[..., 0][there])
        return loss
