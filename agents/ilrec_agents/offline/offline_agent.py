"""What agents that learn from a dataset share: checks of the dataset, the loop, its history."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from tqdm import trange

from ilrec_agents.base import Watch
from ilrec_agents.checks import number, whole
from ilrec_agents.devices import reproducible, torch_device
from ilrec_agents.learning import LearningAgent, LearningConfig, Watched
from ilrec_agents.offline.belonging import check_datasets
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_gym.errors import UsageError

if TYPE_CHECKING:
    from ilrec_agents.offline.batches import Batches

_REPORT = 100  # updates per entry of the history


@dataclass(frozen=True)
class OfflineConfig(LearningConfig):
    """Settings that all offline agents have, besides those of every network.

    Attributes:
        updates: Gradient steps.
        batch_size: Transitions per step, drawn uniformly with replacement.
        learning_rate: Of Adam, falling to 0 along half a cosine.
        weight_decay: Decoupled, per step and unit of learning rate (AdamW).
    """

    updates: int = 2000
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, "updates", "batch_size")
        number(self, "learning_rate", open_low=True)
        number(self, "weight_decay")


@dataclass(frozen=True)
class Learner:
    """Something that learns, one update after the other.

    Attributes:
        update: Makes one update, given its number from 0; returns the losses by name.
        network: The network that scores actions, as it is now.
    """

    update: Callable[[int], dict[str, float]]
    network: Callable[[], Any]


class OfflineAgent(LearningAgent):
    """Learns from a :class:`SessionDataset`; a family says in :meth:`_learner` what an update is.

    Attributes:
        history: Mean losses of every 100 updates, with the number of updates made.
    """

    family = "offline"
    learns_from = "dataset"
    extra = "offline"
    Config: ClassVar[type[Any]] = OfflineConfig
    config: OfflineConfig
    estimates_values: ClassVar[bool] = True

    @abstractmethod
    def _learner(self, dataset: SessionDataset, device: Any) -> Learner:
        """Networks, optimisers and batches, with torch seeded."""

    def _rewards(self, dataset: SessionDataset) -> NDArray[np.float32]:
        """The rewards to learn from, ``(N,)``."""
        return dataset.transitions().rewards

    def _batches(self, dataset: SessionDataset, device: Any) -> Batches:
        """Draws of single steps."""
        from ilrec_agents.offline.batches import Batches

        return Batches(dataset, self._rewards(dataset), self.config.batch_size, seed=self.seed, device=device)

    def fit(self, source: Any = None, *, watch: Watch | None = None) -> Self:
        """Learn from a :class:`SessionDataset`.

        Raises:
            UsageError: Not a dataset, one of another task, or no such device.
            MissingExtraError: The extra "offline" is not installed.
        """
        check_datasets(self.task, dataset=source)
        dataset: SessionDataset = source
        device = torch_device(self.device, self.extra)
        with reproducible(self.seed, self.config.threads):
            learner = self._learner(dataset, device)
            self.history = []
            self._learn(learner, watch)
        self._learned(learner.network())
        return self

    def _learn(self, learner: Learner, watch: Watch | None) -> None:
        sums: dict[str, float] = {}
        updates, watched = self.config.updates, Watched(watch, self, self.config.updates)
        with trange(updates, desc=f"training {self.name}", unit="update", disable=None, leave=False) as steps:
            for step in steps:
                for name, value in learner.update(step).items():
                    sums[name] = sums.get(name, 0.0) + value
                if (step + 1) % _REPORT == 0 or step + 1 == updates:
                    count = step % _REPORT + 1
                    self.history.append({"updates": step + 1} | {name: total / count for name, total in sums.items()})
                    steps.set_postfix({name: f"{value:.4f}" for name, value in self.history[-1].items()})
                    sums = {}
                if watched.due(step + 1):
                    self._learned(copy.deepcopy(learner.network()))
                    watched.show(step + 1)
        if not all(np.isfinite(value) for value in self.history[-1].values()):
            raise UsageError(
                "the loss must stay finite",
                received=self.history[-1],
                cause="a learning rate that is too high",
                fix="lower learning_rate",
            )
