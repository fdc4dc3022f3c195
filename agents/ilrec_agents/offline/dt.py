"""Decision transformer: sequence modelling of logged sessions, conditioned on the return that is asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Infos, Observations
from ilrec_agents.checks import number, one_of, whole
from ilrec_agents.learning import WITH_BODY
from ilrec_agents.offline.belonging import check_ratings
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.offline.offline_agent import Learner, OfflineAgent, OfflineConfig
from ilrec_agents.offline.quiet import import_d3rlpy
from ilrec_agents.offline.to_go import returns_to_go
from ilrec_agents.past import Past
from ilrec_gym.errors import UsageError, require


@dataclass(frozen=True)
class DTConfig(OfflineConfig):
    """Settings of ``dt``, besides those of every offline agent. ``hidden`` is the width of a token, too.

    The setting ``network`` may not be "guided": that one reads what the transformer would change.

    After the first update the learning rate grows over the first 5% of the steps, then it falls along half a cosine to
    a tenth.

    Attributes:
        context: K: steps that the transformer reads, each of three tokens (return to go, observation, action).
        layers: Blocks of the transformer.
        heads: Heads of its attention; they share ``hidden`` evenly.
        dropout: Share of units left out while learning.
        target_quantile: The return to ask for, as a quantile of the returns of the dataset's sessions.
        target_return: The return to ask for itself, in units of the reward; None: the quantile decides.
    """

    updates: int = 1500
    batch_size: int = 64
    weight_decay: float = 1e-4
    context: int = 10
    layers: int = 2
    heads: int = 2
    dropout: float = 0.1
    target_quantile: float = 0.9
    target_return: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "network", WITH_BODY)
        whole(self, "context", "layers", "heads")
        number(self, "dropout", high=0.9)
        number(self, "target_quantile", high=1.0)
        if self.target_return is not None:
            number(self, "target_return", low=-math.inf)
        if self.hidden % self.heads:
            raise UsageError("heads must divide hidden", received=f"{self.heads} heads, hidden {self.hidden}")


class DTAgent(OfflineAgent):
    """Takes the action that would most likely be next in a logged session of the return that is asked for.

    L = -log pi(a_t | g_{t-K+1}, s_{t-K+1}, a_{t-K+1}, ..., g_t, s_t),   g_t = r_t + r_{t+1} + ... to the end

    When it acts, g_0 is the return asked for, and every rating is taken off; it is kept from falling below the least
    of the dataset; so its rewards must be the ratings, and not a learned reward. The steps before the present are made
    again from the public history, so every call stands for itself. Over a whole catalogue every token of an
    observation is scored against every item, ``batch_size * context`` rows of ``n_actions`` logits per update: at 3,650
    items an update takes several times as long as with 20 on offer.
    """

    name = "dt"
    source = "Chen et al., NeurIPS 2021"
    info = ("action_mask", "history")
    Config = DTConfig
    config: DTConfig
    estimates_values = False

    _past: Past | None = None

    def scores(self, observations: Observations, infos: Infos) -> NDArray[np.floating]:
        """Logits ``(B, n_actions)`` of the present, after reading the last steps of the sessions."""
        if self._network is None:
            raise self._unlearned("acts")
        torch, network = require("torch", self.extra), self._network
        from ilrec_agents.offline.windows import window

        self._past = self._past or Past(self.task)
        past = self._past.follow(observations, infos)
        places, there = window(past.lengths - 1, self.config.context)
        rows = np.arange(len(places))[:, None]
        _, _, least, target = network.returns.tolist()
        earned = np.cumsum(np.nan_to_num(past.ratings), axis=1) - np.nan_to_num(past.ratings)
        to_go = np.maximum(target - earned[rows, places], least).astype(np.float32)
        with torch.inference_mode():
            given = (
                past.observations[rows, places], past.actions[rows, places][..., None].clip(0), to_go[..., None],
                np.where(there, places + 1, 0), (~there).astype(np.float32),
            )  # fmt: skip
            device = network.returns.device
            _, scores = network(*(torch.from_numpy(part).to(device) for part in given))
            last: NDArray[np.floating] = scores[:, -1].cpu().numpy()
        return last

    def _learner(self, dataset: SessionDataset, device: Any) -> Learner:
        check_ratings(dataset, self.task)
        d3rlpy, config = import_d3rlpy(), self.config
        import torch

        from ilrec_agents.offline.transformer import SessionTransformerImpl
        from ilrec_agents.offline.windows import Windows

        to_go = returns_to_go(dataset, self._rewards(dataset))
        windows = Windows(dataset, to_go, config.context, config.batch_size, seed=self.seed, device=device)
        network = self._fresh_network(windows.observations)
        target = config.target_return
        target = np.quantile(dataset.returns, config.target_quantile) if target is None else target
        network.returns.copy_(torch.tensor([to_go.mean(), max(to_go.std(), 1e-3), to_go.min(), target]))
        network.to(device)
        optim = d3rlpy.optimizers.AdamWFactory(weight_decay=config.weight_decay).create(
            network.named_modules(), lr=config.learning_rate, compiled=False
        )
        tokens = round(config.updates * config.batch_size * windows.mean_length)
        impl = SessionTransformerImpl.of(network, optim, config.learning_rate, tokens, str(device))
        return Learner(lambda step: impl.update(windows.draw(), step), lambda: network)

    def _fresh_network(self, observations: NDArray[np.float32] | None = None) -> Any:
        import_d3rlpy()
        from ilrec_agents.offline.transformer import SessionTransformer, Size

        config, layout = self.config, self.task.layout
        offered = layout.sizes.get("candidates", 0)
        size = Size(
            context=layout.size - offered,
            offered=offered,
            n_actions=self.task.n_actions,
            horizon=self.task.description["max_steps"],
            width=config.context,
            hidden=config.hidden,
            layers=config.layers,
            heads=config.heads,
            dropout=config.dropout,
        )
        return SessionTransformer(self._scores_network(observations, value=False), size)
