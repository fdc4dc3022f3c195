"""d3rlpy's fitted Q evaluation with the target's expectation and a squared loss. Import after ``import_d3rlpy``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from d3rlpy.models import create_discrete_q_function
from d3rlpy.ope.torch.fqe_impl import DiscreteFQEImpl, FQEBaseModules
from d3rlpy.optimizers import AdamFactory
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import mse_loss

from ilrec_agents.networks import score_network
from ilrec_agents.offline.batches import Batches
from ilrec_agents.offline.d3rlpy_parts import ScoresFactory, ScoresQFunctionFactory
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.task import Task

if TYPE_CHECKING:
    from ilrec_agents.offline.fqe import FQEConfig


class ExpectedFQE(DiscreteFQEImpl):
    """L = (Q(s, a) - r - gamma sum_b pi(b | s') Q'(s', b))^2.

    Args:
        dataset: Sessions that all end for good.
        following: ``(N, n_actions)`` of the target one step on, 0 after the last.
        to_go: ``(N,)`` logged returns from each step on, scaled.
        scale: Reward units per unit of Q.
        task: Of the environment.
        gamma: Discount per step.
        config: Settings.
        device: Where it runs.
        seed: Of the batches.
    """

    def __init__(
        self,
        dataset: SessionDataset,
        following: NDArray[np.float32],
        to_go: NDArray[np.float64],
        scale: float,
        task: Task,
        gamma: float,
        config: FQEConfig,
        device: torch.device,
        seed: int,
    ) -> None:
        rewards = dataset.transitions().rewards / scale
        self.batches = Batches(dataset, rewards, config.batch_size, seed=seed, device=device)
        self._following = torch.from_numpy(following).to(device)
        self._to_go = torch.from_numpy(to_go.astype(np.float32))[:, None].to(device)
        shape, place = (task.layout.size,), str(device)
        encoder = ScoresFactory(
            lambda: score_network(task, config.network, config.hidden, observations=self.batches.observations)
        )
        (q, forwarder), (target, target_forwarder) = (
            create_discrete_q_function(
                shape, task.n_actions, encoder, ScoresQFunctionFactory(), place, enable_ddp=False, n_ensembles=1
            )
            for _ in range(2)
        )
        optimizer = AdamFactory().create(q.named_modules(), lr=config.learning_rate, compiled=False)
        modules = FQEBaseModules(q_funcs=q, targ_q_funcs=target, optim=optimizer)
        nobody: Any = None  # d3rlpy's algorithm whose best action it would take
        super().__init__(shape, task.n_actions, nobody, modules, forwarder, target_forwarder, gamma, 1, place)

    @property
    def network(self) -> Any:
        """Q's network."""
        return self._modules.q_funcs[0].network

    def start(self) -> float:
        """One step towards the logged returns."""
        steps = self.batches.steps()
        batch = self.batches.at(steps)
        return self._stepped(batch, self._to_go[steps])

    def update(self) -> float:
        """One step towards what the target would get."""
        steps = self.batches.steps()
        batch = self.batches.at(steps)
        with torch.no_grad():
            later = self._modules.targ_q_funcs[0].network(batch.next_observations)
            expected = (self._following[steps] * later).sum(dim=1, keepdim=True)
        return self._stepped(batch, batch.rewards + self._gamma * (1 - batch.terminals) * expected)

    def sync(self) -> None:
        """Begin the next iteration: Q' becomes Q."""
        self.update_target()

    def _stepped(self, batch: Any, wanted: Tensor) -> float:
        self._modules.optim.zero_grad()
        loss = mse_loss(self._modules.q_funcs[0].network(batch.observations).gather(1, batch.actions), wanted)
        loss.backward()
        self._modules.optim.step()
        return float(loss.detach())
