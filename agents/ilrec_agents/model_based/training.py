"""Fitting the members of an ensemble, each to its own bootstrap sample of the sessions."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from tqdm import tqdm

from ilrec_agents.model_based.config import WorldModelConfig
from ilrec_agents.model_based.deepfm import Answers, Inputs
from ilrec_agents.model_based.steps import LoggedSteps, scaled
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError

_REPORT = 100  # updates per entry of the history


class Fitting:
    """Fits networks to logged steps.

        L = mean_n [ (y - m)^2 / (2 s^2) + ln s ]  +  mean_n [ -l ln p - (1 - l) ln(1 - p) ]

    y is the rating, l whether the viewer left; m, s and p are what the network says.

    Args:
        steps: What to learn from.
        task: Their task.
        config: Settings.
        device: Where to learn.
    """

    def __init__(self, steps: LoggedSteps, task: Task, config: WorldModelConfig, device: torch.device) -> None:
        self.config, self.device, self.session = config, device, steps.session
        self.x = Inputs.of(steps.asked, device)
        self.y = torch.from_numpy(scaled(task, steps.rating).astype(np.float32)).to(device)
        self.left = torch.from_numpy(steps.left.astype(np.float32)).to(device)

    def fit(self, member: nn.Module, seed: int, bar: tqdm[None]) -> list[dict[str, float]]:
        """Fit one member in place; its losses every 100 updates.

        Raises:
            UsageError: The loss is not finite.
        """
        config, rng = self.config, np.random.default_rng(seed)
        rows = torch.from_numpy(self._bootstrap(rng))
        optimizer = torch.optim.AdamW(
            member.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.updates)
        history, total, count = list[dict[str, float]](), torch.zeros((), device=self.device), 0
        for step in range(config.updates):
            drawn = rows[torch.from_numpy(rng.integers(len(rows), size=config.batch_size))].to(self.device)
            loss = self._loss(member(self.x.at(drawn)), drawn)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total, count = total + loss.detach(), count + 1
            bar.update()
            if count == _REPORT or step + 1 == config.updates:
                history.append({"updates": step + 1, "loss": float(total) / count})
                total, count = torch.zeros((), device=self.device), 0
        if not np.isfinite(history[-1]["loss"]):
            raise UsageError(
                "the loss of a world model must stay finite",
                received=history[-1]["loss"],
                cause="a learning rate that is too high",
                fix="lower learning_rate",
            )
        return history

    def _loss(self, answers: Answers, rows: Tensor) -> Tensor:
        surprise = ((self.y[rows] - answers.mean) / answers.std).square() / 2 + answers.std.log()
        return surprise.mean() + binary_cross_entropy_with_logits(answers.leaves, self.left[rows])

    def _bootstrap(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """The steps of as many sessions as there are, drawn with replacement."""
        sessions, start = np.unique(self.session, return_index=True)
        ends = np.append(start[1:], len(self.session))
        drawn = rng.integers(len(sessions), size=len(sessions))
        return np.concatenate([np.arange(start[i], ends[i]) for i in drawn])
