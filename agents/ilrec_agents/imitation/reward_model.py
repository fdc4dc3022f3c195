"""Reward models: a number for (observation, action, next observation). Adding one is a file and a line here."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Actions, Observations
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.saved import check_task, config_of, description, read_description
from ilrec_agents.task import Task
from ilrec_gym.cards import read_card, write_card
from ilrec_gym.errors import unknown_name
from ilrec_gym.files import replacing, write_json

REWARD_MODELS: dict[str, str] = {
    "gail": "ilrec_agents.imitation.gail:GAILReward",
    "constant": "ilrec_agents.imitation.constant:ConstantReward",
}
"""Name -> "module:class"."""

KIND = "reward_model"
REWARD = "reward.json"


@dataclass(frozen=True)
class NoRewardConfig:
    """A reward model without settings."""


class RewardModel(ABC):
    """Gives a reward for every transition of a batch.

    Attributes:
        name: Its name in the registry.
        source: Where it comes from: a paper, or "".
        extra: The pip extra that it needs, or "".
        Config: A frozen dataclass of its settings.
        report: What fitting found (losses, accuracy), for the card.
    """

    name: ClassVar[str]
    source: ClassVar[str] = ""
    extra: ClassVar[str] = ""
    Config: ClassVar[type[Any]] = NoRewardConfig
    report: dict[str, Any]

    def __init__(self, task: Task, config: Any, *, seed: int = 0, device: str = "auto") -> None:
        self.task, self.config, self.seed, self.device, self.report = task, config, seed, device, {}

    def fit(self, demonstrations: SessionDataset, log: SessionDataset) -> Self:
        """Learn what tells the demonstrations from the log; models without parameters need no call."""
        return self

    @abstractmethod
    def __call__(
        self,
        observations: Observations,
        actions: Actions,
        next_observations: Observations,
        terminals: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Rewards ``(B,)`` of transitions; each class says what it does where ``terminals`` is True."""

    def save(
        self, path: str | Path, *, inputs: Mapping[str, str] | None = None, seconds: float | None = None
    ) -> dict[str, Any]:
        """Write a folder with ``reward.json``, its card, and what was learned; a saved one there is replaced whole.

        Args:
            path: The folder.
            inputs: Checksums of the demonstrations and the log.
            seconds: How long fitting took.

        Returns:
            The card.

        Raises:
            UsageError: A folder of something else, or a file, is there; or the model has not been fitted.
            StorageError: No space or no permission.
        """
        with replacing(path, mark=REWARD) as draft:
            draft.mkdir()
            learned = self._save_learned(draft)
            about = description(self.task, self.config, self.seed)
            write_json(draft / REWARD, about | {"reward_model": self.name, "learned": learned})
            return write_card(
                draft / REWARD,
                kind=KIND,
                parameters=self.parameters(),
                inputs=inputs,
                seed=self.seed,
                seconds=seconds,
                report=self.report,
            )

    def parameters(self) -> dict[str, Any]:
        """What decides the model besides its inputs and seed, for its card."""
        return {"reward_model": self.name, "config": asdict(self.config), "task": self.task.fingerprint}

    @classmethod
    def _load(cls, folder: Path, about: dict[str, Any], task: Task, device: str) -> Self:
        config = config_of(cls.Config, about, folder / REWARD)
        model = cls(task, config, seed=about["seed"], device=device)
        model._load_learned(folder, about["learned"])
        return model

    def _save_learned(self, folder: Path) -> dict[str, Any]:
        """Write what was learned into the folder, and return what ``reward.json`` shall say of it."""
        return {}

    def _load_learned(self, folder: Path, learned: dict[str, Any]) -> None:  # noqa: B027, a default, not a gap
        """Read what :meth:`_save_learned` wrote."""


def make_reward_model(
    name: str, env: gym.Env[Any, Any], *, device: str = "auto", seed: int = 0, **config: Any
) -> RewardModel:
    """A reward model by name.

    Raises:
        UnknownNameError: No such reward model or setting.
    """
    cls = reward_model_class(name)
    known = [field.name for field in fields(cls.Config)]
    for key in config:
        if key not in known:
            raise unknown_name(f"setting of reward model {name!r}", key, known or ["(it has none)"])
    return cls(Task.of(env), cls.Config(**config), seed=seed, device=device)


def load_reward_model(path: str | Path, env: gym.Env[Any, Any], *, device: str = "auto") -> RewardModel:
    """Read a saved reward model.

    Raises:
        ArtefactError: Not a saved reward model, a damaged one, or one made for another environment.
    """
    folder = Path(path)
    read_card(folder / REWARD, kind=KIND)
    about = read_description(folder / REWARD, "reward model", reward_model=str, learned=dict)
    task = Task.of(env)
    check_task(about, task, "reward model")
    return reward_model_class(about["reward_model"])._load(folder, about, task, device)


def reward_model_class(name: str) -> type[RewardModel]:
    """The class of a registered reward model.

    Raises:
        UnknownNameError: No such reward model.
    """
    if name not in REWARD_MODELS:
        raise unknown_name("reward model", name, REWARD_MODELS)
    module, attribute = REWARD_MODELS[name].split(":")
    cls: type[RewardModel] = getattr(importlib.import_module(module), attribute)
    return cls
