"""What agents share that learn to point at items."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Infos, Observations, allowed
from ilrec_agents.checks import number, one_of, whole
from ilrec_agents.offline.continuous.embedding import EMBEDDINGS, Space
from ilrec_agents.offline.d3rlpy_agent import D3RLPyAgent
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.offline.offline_agent import Learner, OfflineConfig
from ilrec_agents.offline.quiet import import_d3rlpy
from ilrec_agents.offline.shown import items_shown
from ilrec_agents.reward_scaling import SCALINGS, scaled
from ilrec_gym.errors import require

if TYPE_CHECKING:
    from ilrec_agents.offline.batches import Batches
    from ilrec_agents.offline.continuous.parts import ReaderFactory


@dataclass(frozen=True)
class ContinuousConfig(OfflineConfig):
    """Settings that agents have whose actions are points, besides those of every offline agent.

    The setting ``network`` stays at "auto": there is one actor and one kind of critic.

    Attributes:
        embedding: Where items lie: "content" (public bias and content) or "factors" (public bias and factors, as the
            item-embedding wrapper has it by itself).
        nearest: How many of the nearest items the critic chooses among (Wolpertinger: Dulac-Arnold et al. 2015, arXiv
            1512.07679). Where no more are on offer, as with 20 of them, the critic alone chooses and the actor has a
            say in learning only. 1: the item nearest to the actor's point is taken, as the papers' policies act.
        gamma: Discount of the step after the next.
        tau: Share of the networks that target networks take over at every update (td3_bc: at every second).
        n_critics: Number of Q functions, of which the lowest counts (crr: their mean; td3_bc's actor: the first).
        reward_scaling: "standard", "scale" or "none", as for ``cql``.
    """

    updates: int = 4000
    embedding: str = "content"
    nearest: int = 500
    gamma: float = 0.5
    tau: float = 0.01
    n_critics: int = 2
    reward_scaling: str = "standard"

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, "batch_size", least=2)  # networks are scaled by the spread over one batch
        one_of(self, "embedding", EMBEDDINGS)
        one_of(self, "reward_scaling", SCALINGS)
        one_of(self, "network", ("auto",))
        whole(self, "nearest", "n_critics")
        number(self, "gamma", high=1.0)
        number(self, "tau", high=1.0, open_low=True)


class ContinuousAgent(D3RLPyAgent):
    """Learns to point at items with one of d3rlpy's continuous algorithms; takes the allowed item nearest to the point.

        i = argmin_i |x_i - a(s)|^2        or, with nearest > 1,  argmax_{i among the nearest} min_j Q_j(s, x_i)

    The first takes the items that ``ItemEmbeddingAction(env, vectors=agent.space.vectors)`` shows. The actor does not
    read what is on offer: a point among items means the same whatever is, so that one network plays a whole catalogue
    and any offer of it.
    """

    Config: ClassVar[type[Any]] = ContinuousConfig
    config: ContinuousConfig
    estimates_values = False

    @cached_property
    def space(self) -> Space:
        """Where the items lie. Its ``vectors`` are what the item-embedding wrapper takes."""
        return EMBEDDINGS[self.config.embedding](self.task)

    def scores(self, observations: Observations, infos: Infos) -> NDArray[np.floating]:
        """Closeness to the point; with ``nearest`` > 1, the nearest allowed actions are above all others, by value."""
        if self._network is None:
            raise self._unlearned("acts")
        torch, network = require("torch", self.extra), self._network
        device = network.items.device
        x = torch.from_numpy(np.ascontiguousarray(observations[:, : self.task.layout.context.size], np.float32)).to(
            device
        )
        candidates = None
        if self.task.n_candidates:
            candidates = torch.from_numpy(np.ascontiguousarray(infos["candidates"], np.int64)).to(device)
        with torch.inference_mode():
            scores = network.closeness(x, candidates)
            if self.config.nearest > 1:
                mask = torch.from_numpy(allowed(infos, tuple(scores.shape))).to(device)
                near = torch.where(mask, scores, -torch.inf).topk(min(self.config.nearest, scores.shape[1])).indices
                values = network.values(x, near if candidates is None else candidates.gather(1, near))
                below = values.amin(dim=1, keepdim=True) + scores - scores.amax(dim=1, keepdim=True) - 1
                scores = below.scatter(1, near, values)
        return scores.cpu().numpy()

    def _fresh_network(self, observations: Observations | None = None) -> Any:
        import torch

        from ilrec_agents.networks import Standardise
        from ilrec_agents.offline.continuous.networks import Meets, fresh_policy

        scale, items = Standardise(observations, self.task.layout.context), torch.tensor(self.space.points)
        return fresh_policy(scale, Meets(self.space), self.config.hidden, items, self.config.n_critics)

    def _rewards(self, dataset: SessionDataset) -> NDArray[np.float32]:
        return scaled(super()._rewards(dataset), self.config.reward_scaling)

    def _batches(self, dataset: SessionDataset, device: Any) -> Batches:
        from ilrec_agents.offline.continuous.batches import PointBatches

        return PointBatches(
            dataset,
            self._rewards(dataset),
            self.config.batch_size,
            items=items_shown(dataset, self.task),
            points=self.space.points,
            context=self.task.layout.context.size,
            seed=self.seed,
            device=device,
        )

    def _learner(self, dataset: SessionDataset, device: Any) -> Learner:
        """d3rlpy's own updates; what an update does not report is as it was at the last that did."""
        d3rlpy, batches, latest = import_d3rlpy(), self._batches(dataset, device), dict[str, float]()
        algorithm = self._algorithm(d3rlpy, batches)

        def update(step: int) -> dict[str, float]:
            latest.update(algorithm.impl.update(batches.draw(), step))
            return {"loss": latest["critic_loss"] + latest["actor_loss"], **latest}

        return Learner(update=update, network=lambda: self._scores_of(algorithm))

    def _made(self, config: Any, batches: Batches, *, actor_every: int = 1, **settings: Any) -> Any:
        """d3rlpy's algorithm of this config class, with the settings that all have and those given."""
        d3rlpy, ours, reader = import_d3rlpy(), self.config, self._reader(batches)
        algorithm = config(
            actor_learning_rate=ours.learning_rate,
            critic_learning_rate=ours.learning_rate,
            actor_optim_factory=self._optimizer(d3rlpy, every=actor_every),
            critic_optim_factory=self._optimizer(d3rlpy),
            actor_encoder_factory=reader,
            critic_encoder_factory=reader,
            batch_size=ours.batch_size,
            gamma=ours.gamma,
            tau=ours.tau,
            n_critics=ours.n_critics,
            **settings,
        ).create(device=str(batches.device))
        algorithm.create_impl((self.task.layout.context.size,), self.space.points.shape[1])
        return algorithm

    def _reader(self, batches: Batches) -> ReaderFactory:
        from ilrec_agents.networks import Standardise
        from ilrec_agents.offline.continuous.networks import Meets
        from ilrec_agents.offline.continuous.parts import ReaderFactory

        some = batches.draw()
        meets = Meets(self.space, some.observations, some.actions)
        return ReaderFactory(Standardise(batches.observations, self.task.layout.context), meets, self.config.hidden)

    def _optimizer(self, d3rlpy: Any, every: int = 1) -> Any:
        """Of something that is updated at every so many updates."""
        return d3rlpy.optimizers.AdamWFactory(
            weight_decay=self.config.weight_decay,
            lr_scheduler_factory=d3rlpy.optimizers.lr_schedulers.CosineAnnealingLRFactory(
                T_max=-(-self.config.updates // every)
            ),
        )

    def _scores_of(self, algorithm: Any) -> Any:
        import torch
        from torch import nn

        from ilrec_agents.offline.continuous.networks import Critic, ItemPolicy
        from ilrec_agents.offline.continuous.parts import head_of

        policy, critics = algorithm.impl.policy, algorithm.impl.q_function
        return ItemPolicy(
            nn.Sequential(policy._encoder, head_of(policy, "_mu", "_fc")),
            [Critic(critic.encoder, head_of(critic, "_fc")) for critic in critics],
            torch.tensor(self.space.points, device=algorithm.impl.device),
        )
