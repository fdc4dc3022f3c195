"""PPO with a memory: an LSTM reads the observations of the session so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Infos, Observations
from ilrec_agents.online.ppo import PPOAgent, ShortRoundsConfig
from ilrec_agents.online.quiet import import_contrib
from ilrec_agents.past import Past
from ilrec_gym.errors import require

if TYPE_CHECKING:
    from ilrec_agents.online.ledger import Ledger


@dataclass(frozen=True)
class RecurrentPPOConfig(ShortRoundsConfig):
    """Settings of ``recurrent_ppo``, those of ``ppo``. The memory is as wide as the hidden layers."""

    total_timesteps: int = 60_000


class RecurrentPPOAgent(PPOAgent):
    """As ``ppo``, its actor and critic each with a memory of the session.

    h_t = LSTM(z_t, h_{t-1}),   scores = f(x_t + s W h_t),   W = 0 at first

    z is the observation x standardised by s, of which the LSTM reads and W changes all but the items on offer; f is a
    score network as in ``ppo``. It learns over rounds of ``n_steps`` and carries the memory on from round to round.
    When it acts, the past observations are made again from the public history: every call stands for itself.
    """

    name = "recurrent_ppo"
    source = "Hausknecht and Stone, AAAI 2015; Schulman et al., 2017"
    info = ("action_mask", "history")
    Config: ClassVar[type[Any]] = RecurrentPPOConfig
    config: RecurrentPPOConfig

    _past: Past | None = None

    def scores(self, observations: Observations, infos: Infos) -> NDArray[np.floating]:
        """Logits ``(B, n_actions)`` of the present, after reading the sessions from their beginning."""
        if self._network is None:
            raise self._unlearned("acts")
        self._past = self._past or Past(self.task)
        past = self._past.follow(observations, infos)
        torch = require("torch", self.extra)
        device = self._network.memory_to_input.weight.device
        with torch.inference_mode():
            x, lengths = (torch.from_numpy(part).to(device) for part in (past.observations, past.lengths))
            scores: NDArray[np.floating] = self._network.after(x, lengths).cpu().numpy()
        return scores

    def _parts(self, sb3: Any) -> tuple[type[Any], type[Any]]:
        contrib = import_contrib()
        from ilrec_agents.online.recurrent_parts import MemoryPolicy

        return contrib.RecurrentPPO, MemoryPolicy

    def _networks(self, observations: NDArray[np.float32], ledger: Ledger | None) -> Any:
        from ilrec_agents.online.recurrent_parts import actor_critic

        return lambda: actor_critic(self._fresh_network(observations), self._reader(observations, actor=False), ledger)

    def _fresh_network(self, observations: Observations | None = None) -> Any:
        return self._reader(observations, actor=True)

    def _reader(self, observations: Observations | None, *, actor: bool) -> Any:
        from torch import nn

        from ilrec_agents.networks import Standardise, mlp
        from ilrec_agents.online.reader import Reader

        layout, hidden = self.task.layout, self.config.hidden
        body = (
            super()._fresh_network(observations)
            if actor
            else nn.Sequential(Standardise(observations, layout), mlp(layout.size, hidden, 1))
        )
        return Reader(Standardise(observations, layout), layout, body, hidden)

    def _scores_of(self, algorithm: Any) -> Any:
        return super()._scores_of(algorithm).reader
