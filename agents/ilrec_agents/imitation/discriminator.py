"""The discriminator of GAIL and its training: demonstrations against a log, balanced, stopped on held-out sessions."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import softplus
from tqdm import trange

from ilrec_agents.networks import score_network
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.task import Task
from ilrec_gym.auc import auc
from ilrec_gym.errors import UsageError

if TYPE_CHECKING:
    from ilrec_agents.imitation.gail import GAILConfig

_CHECK = 25  # updates between two looks at the held-out sessions
_LOOK = 4000  # held-out transitions of each side that are looked at


class Discriminator(nn.Module):
    """l(s, .) = g * network(s). The gain g starts at 0, so an untrained discriminator knows nothing: D = 1/2.

    Args:
        task: What it is made for.
        network: Kind of network.
        hidden: Width of the hidden layers.
        observations: What the scaling is fitted on; None where weights are loaded.
    """

    def __init__(
        self, task: Task, network: str, hidden: int, *, observations: NDArray[np.float32] | None = None
    ) -> None:
        super().__init__()
        self.network = score_network(task, network, hidden, observations=observations)
        self.gain = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Observations ``(B, d)`` to logits ``(B, n_actions)``."""
        return self.gain * self.network(x)


class Side:
    """The transitions of one side, sessions shared out between learning and looking.

    Args:
        dataset: The sessions.
        held_out: Share of the sessions to look at.
        rng: Draws them, and the batches.
        device: Where batches live.
    """

    def __init__(
        self, dataset: SessionDataset, held_out: float, rng: np.random.Generator, device: torch.device
    ) -> None:
        steps = dataset.transitions()
        out = rng.permutation(len(dataset))[: max(1, round(held_out * len(dataset)))]
        away = np.isin(steps.episodes, out)
        if away.all():
            raise UsageError("demonstrations and log need at least two sessions each", received=len(dataset))
        self.x, self.a = torch.from_numpy(steps.observations), torch.from_numpy(steps.actions)
        self.learn, self.look = np.flatnonzero(~away), np.flatnonzero(away)
        self.look = np.sort(rng.permutation(self.look)[:_LOOK])
        self.rng, self.device = rng, device

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """Observations and actions of ``size`` transitions, drawn with replacement."""
        return self.at(self.learn[self.rng.integers(0, len(self.learn), size)])

    def at(self, steps: NDArray[np.integer]) -> tuple[Tensor, Tensor]:
        """Observations and actions of these transitions."""
        chosen = torch.from_numpy(steps)
        return self.x[chosen].to(self.device), self.a[chosen].to(self.device)


class Training:
    """One run of training; see :class:`~ilrec_agents.imitation.gail.GAILConfig` for the settings."""

    def __init__(
        self,
        demonstrations: SessionDataset,
        log: SessionDataset,
        config: GAILConfig,
        *,
        seed: int,
        device: torch.device,
    ) -> None:
        rng = np.random.default_rng(seed)
        self.config = config
        self.demos, self.log = (Side(side, config.held_out, rng, device) for side in (demonstrations, log))
        # Both sides count alike in the scaling.
        some = rng.integers(0, len(self.log.learn), len(self.demos.learn))
        self.observations: NDArray[np.float32] = np.concatenate(
            [self.demos.x.numpy()[self.demos.learn], self.log.x.numpy()[self.log.learn[some]]]
        )

    def run(self, discriminator: Discriminator) -> dict[str, Any]:
        """Train in place, keep the weights that were best on held-out sessions, and report on them."""
        config = self.config
        optimizer = torch.optim.AdamW(
            discriminator.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        best, since = self.look(discriminator) | {"updates": 0}, 0
        kept = deepcopy(discriminator.state_dict())
        with trange(config.updates, desc="fitting gail", unit="update", disable=None, leave=False) as steps:
            for step in steps:
                optimizer.zero_grad()
                self._loss(discriminator).backward()
                optimizer.step()
                if (step + 1) % _CHECK and step + 1 < config.updates:
                    continue
                found = self.look(discriminator)
                steps.set_postfix(held_out=f"{found['loss']:.4f}", auc=f"{found['auc']:.3f}")
                since += 1
                if found["loss"] < best["loss"]:
                    best, since, kept = found | {"updates": step + 1}, 0, deepcopy(discriminator.state_dict())
                if since >= config.patience:
                    break
        discriminator.load_state_dict(kept)
        discriminator.eval().requires_grad_(False)
        return best | {"demonstrations": len(self.demos.a), "log": len(self.log.a)}

    def _loss(self, discriminator: Discriminator) -> Tensor:
        half = max(1, self.config.batch_size // 2)
        penalty = self.config.gradient_penalty
        total = torch.zeros(())
        for side, sign in ((self.log, -1), (self.demos, 1)):  # -log D on the log, -log(1 - D) on demonstrations
            x, a = side.batch(half)
            logits = chosen(discriminator(x.requires_grad_(penalty > 0)), a)
            total = total.to(x.device) + softplus(sign * logits).mean() / 2
            if penalty:
                (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
                total = total + penalty * gradient.square().sum(dim=1).mean() / 2
        return total

    @torch.no_grad()
    def look(self, discriminator: Discriminator) -> dict[str, float]:
        """Loss, balanced accuracy and AUC on held-out sessions."""
        demos, log = (
            np.concatenate([chosen(discriminator(x), a).cpu().numpy() for x, a in [side.at(side.look)]])
            for side in (self.demos, self.log)
        )
        loss = (np.logaddexp(0, demos).mean() + np.logaddexp(0, -log).mean()) / 2
        accuracy = ((demos < 0).mean() + (demos == 0).mean() / 2 + (log > 0).mean() + (log == 0).mean() / 2) / 2
        return {"loss": float(loss), "accuracy": float(accuracy), "auc": auc(log, demos)}


def chosen(logits: Tensor, actions: Tensor) -> Tensor:
    """``(B,)`` the logit of each row's action."""
    return logits.gather(1, actions[:, None])[:, 0]
