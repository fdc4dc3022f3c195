"""The GAIL reward: a discriminator learns demonstrations against a log, and its opinion is the reward."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Actions, Observations
from ilrec_agents.checks import number, one_of, whole
from ilrec_agents.devices import reproducible, torch_device
from ilrec_agents.imitation.reward_model import RewardModel
from ilrec_agents.learning import NETWORKS
from ilrec_agents.offline.belonging import check_datasets
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.weights import load_weights, save_weights
from ilrec_gym.errors import ArtefactError, UsageError, require
from ilrec_gym.files import sha256

FORMS = ("zero_mean", "positive", "advantage")
WEIGHTS = "weights.safetensors"
_CHUNK = 8192


@dataclass(frozen=True)
class GAILConfig:
    """Settings of ``gail``. l(s, a) is the discriminator's logit, D = sigmoid(l) = P(policy | s, a).

    Attributes:
        form: "positive": -log D (Ho and Ermon 2016), which is above 0 everywhere, so that staying pays whatever is
            shown; "zero_mean": log(1 - D) - log D = -l (the form of AIRL, Fu et al. 2018), which is 0 where
            either origin is as likely, above it where a demonstration is the likelier one, and so on average below 0
            on the log and above 0 on demonstrations; "advantage": -(l(s, a) - mean_b l(s, b)), which sums to 0 over the
            actions of every observation, so that only the choice counts and never the place in the session.
        updates: Most gradient steps; fewer where held-out sessions stop improving. Few, because a discriminator that
            is trained further tells better but teaches worse: agents follow a smooth reward further than a sharp one.
        batch_size: Transitions per step, half of them demonstrations.
        learning_rate: Of AdamW.
        weight_decay: Of AdamW, decoupled.
        gradient_penalty: Weight of the mean squared gradient of l in the observation, at the transitions of the batch
            (R1 of Mescheder et al. 2018, on both sides).
        hidden: Width of the hidden layers.
        network: As for agents: "auto", "candidates", "towers", "flat", "guided".
        held_out: Share of the sessions of both sides that is kept for early stopping and for the report.
        patience: Checks without improvement before it stops; there is a check every 25 updates.
        threads: Threads of torch while it learns on a CPU.
    """

    form: str = "zero_mean"
    updates: int = 100
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    gradient_penalty: float = 0.0
    hidden: int = 64
    network: str = "auto"
    held_out: float = 0.2
    patience: int = 10
    threads: int = 1

    def __post_init__(self) -> None:
        one_of(self, "form", FORMS)
        one_of(self, "network", NETWORKS)
        whole(self, "updates", "batch_size", "hidden", "patience", "threads")
        number(self, "learning_rate", open_low=True)
        number(self, "weight_decay", "gradient_penalty")
        number(self, "held_out", high=1.0, open_low=True)
        if self.held_out == 1:
            raise UsageError("held_out must be below 1", received=self.held_out, fix="leave some to learn from")


class GAILReward(RewardModel):
    """Rewards what looks like a demonstration rather than like the log.

    D minimises  -log D on the log  -  log(1 - D) on demonstrations, both sides with equal weight; its logit is the
    score that a network gives the chosen action among all actions. Demonstrations against a fixed log are the first
    round of GAIL; no new policy is played against them.

    At the end of a session nothing is added: what comes after a session has reward 0. So the sign of the rewards
    decides whether staying or leaving pays (Kostrikov et al. 2019): with "positive" staying pays, with "zero_mean" it
    costs those who act as the log does, with "advantage" it is nearly neither. ``reward_scaling="standard"`` of the
    agents that learn from relabelled sessions takes the mean off, whatever the form.

    Attributes:
        report: ``auc`` (chance that D tells a logged step from a demonstrated one), ``accuracy`` (balanced) and
            ``loss`` on held-out sessions, ``updates`` of the weights kept, ``demonstrations`` and ``log`` in steps.
    """

    name = "gail"
    source = "Ho and Ermon, NeurIPS 2016; Fu et al., ICLR 2018"
    extra = "offline"
    Config = GAILConfig
    config: GAILConfig

    _discriminator: Any = None

    def fit(self, demonstrations: SessionDataset, log: SessionDataset) -> Self:
        """Learn what tells the demonstrations from the log.

        Raises:
            UsageError: A dataset of another task, or too few sessions to hold any out.
        """
        check_datasets(self.task, demonstrations=demonstrations, log=log)
        device = torch_device(self.device, self.extra)
        from ilrec_agents.imitation.discriminator import Discriminator, Training

        with reproducible(self.seed, self.config.threads):
            training = Training(demonstrations, log, self.config, seed=self.seed, device=device)
            self._discriminator = Discriminator(
                self.task, self.config.network, self.config.hidden, observations=training.observations
            ).to(device)
            self.report = training.run(self._discriminator)
        return self

    def __call__(
        self,
        observations: Observations,
        actions: Actions,
        next_observations: Observations,
        terminals: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Rewards ``(B,)``; they depend on the observation and the action only, at the end of a session too."""
        logits, chosen = self._logits(observations, actions)
        if self.config.form == "zero_mean":
            return -chosen
        if self.config.form == "advantage":
            return logits.mean(axis=1) - chosen
        return np.logaddexp(0, -chosen).astype(np.float32)  # -log sigmoid(l)

    def probability_of_policy(self, observations: Observations, actions: Actions) -> NDArray[np.float32]:
        """D(s, a) of every transition, ``(B,)``."""
        return (1 / (1 + np.exp(-self._logits(observations, actions)[1]))).astype(np.float32)

    def _logits(self, observations: Observations, actions: Actions) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits ``(B, n_actions)`` of every action and ``(B,)`` of those chosen."""
        if self._discriminator is None:
            raise UsageError("a reward model must be fitted before it is used", fix="call fit(), or load a saved one")
        torch = require("torch", self.extra)
        actions = np.asarray(actions, np.int64)
        device = next(self._discriminator.parameters()).device
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(observations, np.float32))
            parts = [self._discriminator(part.to(device)).cpu() for part in x.split(_CHUNK)]
        logits = torch.cat(parts).numpy()
        return logits, np.take_along_axis(logits, actions[:, None], axis=1)[:, 0]

    def _save_learned(self, folder: Path) -> dict[str, Any]:
        if self._discriminator is None:
            raise UsageError("a reward model must be fitted before it is saved", fix="call fit()")
        save_weights(self._discriminator, folder / WEIGHTS)
        return {"weights": sha256(folder / WEIGHTS), "report": self.report}

    def _load_learned(self, folder: Path, learned: dict[str, Any]) -> None:
        from ilrec_agents.imitation.discriminator import Discriminator

        network = Discriminator(self.task, self.config.network, self.config.hidden)
        load_weights(network, folder / WEIGHTS)
        if sha256(folder / WEIGHTS) != learned.get("weights"):
            raise ArtefactError(f"{folder / WEIGHTS} must be the file that reward.json names", cause="a changed file")
        self._discriminator = network.to(torch_device(self.device, self.extra)).eval().requires_grad_(False)
        self.report = learned["report"]
