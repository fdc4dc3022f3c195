"""Networks with a memory as a policy of sb3-contrib. Import after ``quiet.import_contrib``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from torch import Tensor, nn

from ilrec_agents.online.ledger import Ledger, bare, masked, nameless
from ilrec_agents.online.reader import Reader
from ilrec_agents.online.sb3_parts import ActorCritic, WithScores


class _Behind(nn.Module):
    """Takes observation and memory as one tensor, as SB3 hands them on."""

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self.reader = reader

    def forward(self, both: Tensor) -> Tensor:
        """``(B, d + hidden)`` to ``(B, n)``."""
        out: Tensor = self.reader(*both.tensor_split([both.shape[1] - self.reader.lstm.hidden_size], dim=1))
        return out


def actor_critic(actor: Reader, critic: Reader, ledger: Ledger | None) -> ActorCritic:
    """Both behind their memories."""
    return ActorCritic(masked(_Behind(actor), ledger), nameless(_Behind(critic), ledger))


class MemoryPolicy(WithScores, RecurrentActorCriticPolicy):
    """pi(. | x_0 ... x_t) = softmax(actor), V = critic; each reads by an LSTM of its own.

    Args:
        networks: Makes both, with fresh weights.
        arguments: As sb3-contrib's.
    """

    def __init__(self, *arguments: Any, networks: Callable[[], nn.Module], **options: Any) -> None:
        super().__init__(*arguments, networks=networks, lstm_hidden_size=1, **options)
        policy: Any = self
        actor, critic = (bare(behind).reader for behind in (policy.mlp_extractor.actor, policy.mlp_extractor.critic))
        policy.lstm_actor, policy.lstm_critic = actor.lstm, critic.lstm
        policy.lstm_hidden_state_shape = (1, 1, policy.lstm_actor.hidden_size)
        policy.optimizer = policy.optimizer_class(
            policy.parameters(), lr=policy.optimizer.param_groups[0]["lr"], **policy.optimizer_kwargs
        )
        self._scale = actor.scale

    def _process_sequence(self, features: Tensor, lstm_states: Any, episode_starts: Tensor, lstm: nn.LSTM) -> Any:  # type: ignore[override]
        """As sb3-contrib's, with the observation itself put before what the LSTM made of it."""
        observations = features[..., -len(self._scale.mean) :]
        read = self._scale(observations)[..., : lstm.input_size]
        memories, states = super()._process_sequence(read, lstm_states, episode_starts, lstm)
        return torch.cat([features, memories], dim=1), states
