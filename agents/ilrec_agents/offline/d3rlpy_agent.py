"""What agents that learn from a dataset through d3rlpy share: checks, batches, the loop, saving."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from tqdm import trange

from ilrec_agents.base import Infos, Observations, ScoringAgent
from ilrec_agents.devices import reproducible, torch_device
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.offline.quiet import import_d3rlpy
from ilrec_agents.weights import load_weights, save_weights
from ilrec_gym.errors import UsageError, require
from ilrec_gym.files import write_json

if TYPE_CHECKING:
    from ilrec_agents.offline.batches import Batches

WEIGHTS = "weights.safetensors"
_REPORT = 100  # updates per entry of the history


@dataclass(frozen=True)
class OfflineConfig:
    """Settings that all offline agents have.

    Attributes:
        updates: Gradient steps.
        batch_size: Transitions per step, drawn uniformly with replacement.
        learning_rate: Of Adam, falling to 0 along half a cosine.
        weight_decay: Decoupled, per step and unit of learning rate (AdamW).
        network: "candidates" (one small network that all places on offer share), "towers" (one for observations, one
            for items), "flat" (one output per action), or "auto": the first of these that fits the task.
        hidden: Width of the hidden layers.
        threads: Threads of torch while it learns on a CPU. More than one gains nothing for networks as small as these,
            and costs a lot where other programs run.
    """

    updates: int = 2000
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    network: str = "auto"
    hidden: int = 64
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ("updates", "batch_size", "hidden", "threads"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UsageError(f"{name} must be a whole number, at least 1", received=value)
        if not self.learning_rate > 0 or not self.weight_decay >= 0:
            raise UsageError("learning_rate must be positive and weight_decay not negative", received=self)


class D3RLPyAgent(ScoringAgent):
    """Learns from a :class:`SessionDataset` with one of d3rlpy's algorithms and acts by the highest score.

    d3rlpy's ``fit`` builds every batch from single transitions in Python, which takes longer than a step of a small
    network. Here batches are rows of a few arrays, and d3rlpy's own update runs on them.

    Attributes:
        estimates_values: Whether scores are values; otherwise only their differences matter.
        history: Mean losses of every 100 updates, as d3rlpy names them, with the number of updates made.
    """

    family = "offline"
    learns_from = "dataset"
    extra = "offline"
    Config: ClassVar[type[Any]] = OfflineConfig
    config: OfflineConfig
    estimates_values: ClassVar[bool] = True

    _network: Any = None
    history: list[dict[str, float]]

    @abstractmethod
    def _algorithm(self, d3rlpy: Any, batches: Batches) -> Any:
        """The d3rlpy algorithm, its parameters made."""

    @abstractmethod
    def _scores_of(self, algorithm: Any) -> Any:
        """The part of the algorithm's modules that scores actions."""

    def _rewards(self, dataset: SessionDataset) -> NDArray[np.float32]:
        """The rewards to learn from, ``(N,)``."""
        return dataset.transitions().rewards

    def fit(self, source: Any = None) -> Self:
        """Learn from a :class:`SessionDataset`.

        Raises:
            UsageError: Not a dataset, one of another task, or no such device.
            MissingExtraError: The extra "offline" is not installed.
        """
        dataset = self._checked(source)
        d3rlpy = import_d3rlpy()
        from ilrec_agents.offline.batches import Batches

        device = torch_device(self.device, self.extra)
        batches = Batches(dataset, self._rewards(dataset), self.config.batch_size, seed=self.seed, device=device)
        with reproducible(self.seed, self.config.threads):
            algorithm = self._algorithm(d3rlpy, batches)
            self.history = self._learn(algorithm, batches)
        self._network = self._scores_of(algorithm).eval().requires_grad_(False)
        return self

    def scores(self, observations: Observations, infos: Infos) -> NDArray[np.floating]:
        """Q values or logits ``(B, n_actions)``, one pass for all rows and actions."""
        if self._network is None:
            raise UsageError(
                f"the agent {self.name!r} must have learned before it acts",
                fix="call fit(dataset), or load a saved one",
            )
        torch = require("torch", self.extra)
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(observations, np.float32))
            return self._network(x.to(next(self._network.parameters()).device)).cpu().numpy()

    def _learn(self, algorithm: Any, batches: Batches) -> list[dict[str, float]]:
        history: list[dict[str, float]] = []
        sums: dict[str, float] = {}
        name, updates = f"training {self.name}", self.config.updates
        with trange(updates, desc=name, unit="update", disable=None, leave=False) as steps:
            for step in steps:
                for name, value in algorithm.impl.update(batches.draw(), step).items():
                    sums[name] = sums.get(name, 0.0) + value
                if (step + 1) % _REPORT == 0 or step + 1 == updates:
                    count = step % _REPORT + 1
                    history.append({"updates": step + 1} | {name: total / count for name, total in sums.items()})
                    steps.set_postfix(loss=f"{history[-1]['loss']:.4f}")
                    sums = {}
        if not np.isfinite(history[-1]["loss"]):
            raise UsageError(
                "the loss must stay finite",
                received=history[-1]["loss"],
                cause="a learning rate that is too high",
                fix="lower learning_rate",
            )
        return history

    def _fresh_network(self, observations: Observations | None = None) -> Any:
        from ilrec_agents.networks import score_network

        return score_network(
            self.task, self.config.network, self.config.hidden, observations=observations, value=self.estimates_values
        )

    def _optimizer(self, d3rlpy: Any) -> Any:
        from d3rlpy.optimizers.lr_schedulers import CosineAnnealingLRFactory

        return d3rlpy.optimizers.AdamWFactory(
            weight_decay=self.config.weight_decay,
            lr_scheduler_factory=CosineAnnealingLRFactory(T_max=self.config.updates),
        )

    def _checked(self, source: Any) -> SessionDataset:
        if not isinstance(source, SessionDataset):
            raise UsageError(
                f"the agent {self.name!r} must be given a SessionDataset",
                received=source,
                cause="a path, an environment or a ReplayBuffer in its place",
                fix="ilrec_agents.offline.dataset.read_hdf5(path) reads one",
            )
        if source.task.fingerprint != self.task.fingerprint:
            ours, theirs = self.task.description, source.task.description
            differs = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
            raise UsageError(
                "a dataset must come from the environment that the agent is made for",
                received=f"differs in: {', '.join(differs)}",
                cause="sessions of another environment or version",
                fix="make the agent with the environment of the dataset",
            )
        return source

    def _save_learned(self, folder: Path) -> None:
        if self._network is None:
            raise UsageError(f"the agent {self.name!r} must have learned before it is saved", fix="call fit(dataset)")
        save_weights(self._network, folder / WEIGHTS)
        write_json(folder / "history.json", self.history)

    def _load_learned(self, folder: Path) -> None:
        network = self._fresh_network()
        load_weights(network, folder / WEIGHTS)
        device = torch_device(self.device, self.extra)
        self._network, self.history = network.to(device).eval().requires_grad_(False), []
