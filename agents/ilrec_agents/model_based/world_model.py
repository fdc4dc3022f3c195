"""The world model: an ensemble of DeepFMs that says how viewers rate and when they leave, learned from logs alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from ilrec_agents.devices import reproducible, torch_device
from ilrec_agents.model_based.accuracy import accuracy
from ilrec_agents.model_based.config import WorldModelConfig
from ilrec_agents.model_based.deepfm import DeepFM, Inputs, Tables
from ilrec_agents.model_based.steps import Asked, LoggedSteps, logged_steps
from ilrec_agents.model_based.training import Fitting
from ilrec_agents.offline.belonging import check_datasets, check_ratings
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.saved import check_task, config_of, description, read_description
from ilrec_agents.task import Task
from ilrec_agents.weights import load_weights, save_weights
from ilrec_gym.cards import card_path, read_card, write_card
from ilrec_gym.errors import ArtefactError, UsageError, unknown_name
from ilrec_gym.files import replacing, sha256, write_json

KIND, ABOUT, WEIGHTS = "world_model", "world.json", "world.safetensors"
MARK = card_path(ABOUT).name
"""What a saved world model's folder has, and that of an agent which learned one has not."""
_CHUNK = 8192


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the ensemble says about N questions; ratings in rating units.

    Attributes:
        mean: ``(N,)`` mean of the members' means, within the scale.
        std: ``(N,)`` standard deviation of their mixture: sqrt(mean_k s_k^2 + var_k m_k).
        noise: ``(N,)`` the largest of the members' own standard deviations, max_k s_k.
        spread: ``(N,)`` standard deviation of the members' means.
        leaves: ``(N,)`` probability that the viewer leaves after the step, the members' mean.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    noise: NDArray[np.float64]
    spread: NDArray[np.float64]
    leaves: NDArray[np.float64]


class WorldModel:
    """How viewers rate what they are shown, and when they leave, as far as logged sessions tell.

    It sees what agents see: observations, items and their public features, ratings given, who left. Never the
    simulator's truth.

    Args:
        task: What it is made for.
        config: Settings.
        seed: Of everything random in it.
        device: "auto", "cpu" or "cuda".

    Attributes:
        report: Its accuracy on sessions of viewers that were held out, see :func:`accuracy`.
        history: Per member, its losses every 100 updates.
    """

    def __init__(
        self, task: Task, config: WorldModelConfig | None = None, *, seed: int = 0, device: str = "auto"
    ) -> None:
        self.task, self.config, self.seed, self.device = task, config or WorldModelConfig(), seed, device
        self.report: dict[str, Any] = {}
        self.history: list[list[dict[str, float]]] = []
        self._members: nn.ModuleList | None = None

    def fit(self, dataset: SessionDataset) -> Self:
        """Learn from logged sessions, and report on those held out.

        Raises:
            UsageError: Not a dataset, one of another task, items on offer without ``item_id``, rewards that are not
                the ratings, sessions of fewer than two viewers, or no such device.
        """
        check_datasets(self.task, dataset=dataset)
        check_ratings(dataset, self.task)
        device = torch_device(self.device)
        steps = logged_steps(dataset, self.task, self.config.window)
        held_out = self._held_out(steps)
        learned = steps.where(~held_out)
        with reproducible(self.seed, self.config.threads):
            self._members = self._fresh(learned.asked.context).to(device)
            fitting, config = Fitting(learned, self.task, self.config, device), self.config
            total, name = config.members * config.updates, "fitting a world model"
            with tqdm(total=total, desc=name, unit="update", disable=None, leave=False) as bar:
                seeds = np.random.SeedSequence(self.seed).generate_state(config.members)
                self.history = [
                    fitting.fit(member, int(seed), bar) for member, seed in zip(self._members, seeds, strict=True)
                ]
            self._members.eval().requires_grad_(False)
            self.report = accuracy(self, learned, steps.where(held_out))
        return self

    def predict(self, asked: Asked) -> Prediction:
        """The ensemble's answers.

        Raises:
            UsageError: It has not been fitted.
        """
        means, stds, leaves = self.answers(asked)
        half, low, high = self.task.half, *self.task.rating_scale
        spread = means.std(axis=0)
        return Prediction(
            mean=np.clip(means.mean(axis=0) * half + (low + high) / 2, low, high),
            std=np.sqrt(np.square(stds).mean(axis=0) + np.square(spread)) * half,
            noise=stds.max(axis=0) * half,
            spread=spread * half,
            leaves=leaves.mean(axis=0),
        )

    def answers(self, asked: Asked) -> NDArray[np.float64]:
        """``(3, K, N)`` each member's mean and standard deviation in half scales, and probability of leaving."""
        if self._members is None:
            raise UsageError("a world model must be fitted before it is used", fix="call fit(), or load a saved one")
        device, found = next(self._members.parameters()).device, []
        with torch.inference_mode():
            for start in range(0, len(asked), _CHUNK):
                x = Inputs.of(asked.take(np.arange(start, min(start + _CHUNK, len(asked)))), device)
                said = [member(x) for member in self._members]
                found.append(torch.stack([torch.stack([m.mean, m.std, m.leaves.sigmoid()]) for m in said], dim=1))
        answers: NDArray[np.float64] = torch.cat(found, dim=2).cpu().numpy().astype(np.float64)
        return answers

    def save(
        self, path: str | Path, *, inputs: Mapping[str, str] | None = None, seconds: float | None = None
    ) -> dict[str, Any]:
        """Write a folder with ``world.json``, its card and the weights; a saved world model there is replaced whole.

        Args:
            path: The folder.
            inputs: Checksums of the sessions that it was learned from.
            seconds: How long fitting took.

        Returns:
            The card.

        Raises:
            UsageError: A folder of something else, or a file, is there; or the model has not been fitted.
            StorageError: No space or no permission.
        """
        with replacing(path, mark=MARK) as draft:
            draft.mkdir()
            self.write(draft)
            return write_card(
                draft / ABOUT,
                kind=KIND,
                parameters={"config": asdict(self.config), "task": self.task.fingerprint},
                inputs=inputs,
                seed=self.seed,
                seconds=seconds,
                report=self.report,
            )

    @classmethod
    def load(cls, path: str | Path, env: gym.Env[Any, Any], *, device: str = "auto") -> Self:
        """Read a folder that :meth:`save` wrote.

        Raises:
            ArtefactError: Not a saved world model, a damaged one, or one made for another environment.
        """
        read_card(Path(path) / ABOUT, kind=KIND)
        return cls.read(Path(path), Task.of(env), device=device)

    def write(self, folder: Path) -> None:
        """Write ``world.json`` and the weights into a folder that is there."""
        if self._members is None:
            raise UsageError("a world model must be fitted before it is saved", fix="call fit()")
        save_weights(self._members, folder / WEIGHTS)
        about = description(self.task, self.config, self.seed)
        about |= {"weights": sha256(folder / WEIGHTS), "report": self.report, "history": self.history}
        write_json(folder / ABOUT, about)

    @classmethod
    def read(cls, folder: Path, task: Task, *, device: str = "auto") -> Self:
        """Read what :meth:`write` wrote.

        Raises:
            ArtefactError: Files that are missing, damaged, or of another environment.
        """
        about = read_description(folder / ABOUT, "world model", weights=str, report=dict, history=list)
        check_task(about, task, "world model")
        config = config_of(WorldModelConfig, about, folder / ABOUT)
        model = cls(task, config, seed=about["seed"], device=device)
        members = model._fresh(None)
        load_weights(members, folder / WEIGHTS)
        if sha256(folder / WEIGHTS) != about["weights"]:
            raise ArtefactError(f"{folder / WEIGHTS} must be the file that world.json names", cause="a changed file")
        model._members = members.to(torch_device(device)).eval().requires_grad_(False)
        model.report, model.history = about["report"], about["history"]
        return model

    def _fresh(self, context: NDArray[np.float32] | None) -> nn.ModuleList:
        tables = Tables(self.task).to(torch_device(self.device))
        return nn.ModuleList(DeepFM(self.task, self.config, tables, context) for _ in range(self.config.members))

    def _held_out(self, steps: LoggedSteps) -> NDArray[np.bool_]:
        """The steps of viewers who are kept for the report, ``(N,)``."""
        viewers = np.unique(steps.viewer)
        if len(viewers) < 2:
            raise UsageError(
                "a world model needs sessions of at least two viewers, as some are held out",
                received=len(viewers),
                fix="log more sessions",
            )
        count = min(max(1, round(self.config.held_out * len(viewers))), len(viewers) - 1)
        return np.isin(steps.viewer, np.random.default_rng(self.seed).permutation(viewers)[:count])


def make_world_model(env: gym.Env[Any, Any], *, device: str = "auto", seed: int = 0, **config: Any) -> WorldModel:
    """A world model that is still to be fitted.

    Raises:
        UnknownNameError: No such setting.
    """
    known = [field.name for field in fields(WorldModelConfig)]
    for key in config:
        if key not in known:
            raise unknown_name("setting of a world model", key, known)
    return WorldModel(Task.of(env), WorldModelConfig(**config), seed=seed, device=device)
