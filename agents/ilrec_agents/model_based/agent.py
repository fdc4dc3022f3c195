"""What agents share that learn a policy by playing in a world model, which they learn from logged sessions first."""

from __future__ import annotations

import copy
from abc import abstractmethod
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Watch
from ilrec_agents.checks import flag, number, one_of, whole
from ilrec_agents.learning import LearningAgent
from ilrec_agents.model_based.config import TRACKERS, WorldModelConfig
from ilrec_agents.offline.belonging import check_datasets
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.online.ppo import PPOAgent, PPOConfig
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError, require

if TYPE_CHECKING:
    from ilrec_agents.model_based.imagined import Penalty
    from ilrec_agents.model_based.steps import Before
    from ilrec_agents.model_based.world_model import Prediction, WorldModel

_LOOK = 20_000  # logged steps that the mean reward is taken over, at most


@dataclass(frozen=True)
class ModelBasedConfig(PPOConfig):
    """Settings that all model-based agents have, besides those of ``ppo``, which plays in the world model.

    Attributes:
        tracker: The world model's state tracker: "average", "gru" or "sasrec".
        members: Networks of its ensemble.
        world_updates: Gradient steps of each member.
        horizon: Longest imagined session; the environment's own horizon if 0.
        threshold: Imagined viewers leave where the predicted probability is above it; at 0 they leave by a draw with
            that probability.
        centred: Whether the mean of what the logged steps would be paid, penalty and all, is taken off every reward, so
            that staying pays nothing by itself: what an item adds is then not lost in the noise of when viewers leave,
            and no penalty pays for losing them.
    """

    total_timesteps: int = 100_000
    tracker: str = "average"
    members: int = 5
    world_updates: int = 1500
    horizon: int = 0
    threshold: float = 0.0
    centred: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.allow_test_users:
            raise UsageError(
                "imagined sessions are those of train users", received="allow_test_users=True", fix="leave it out"
            )
        one_of(self, "tracker", TRACKERS)
        whole(self, "members", "world_updates")
        whole(self, "horizon", least=0)
        number(self, "threshold", high=1.0)
        flag(self, "centred")


class ModelBasedAgent(LearningAgent):
    """Learns a world model from logged sessions, and a policy by playing with viewers that the model imagines.

    Imagined sessions are those of train users, whose public profiles say how each session begins; so they begin at the
    beginning, where the papers' rollouts branch off from logged states. The policy is learned by PPO. Logs hold no
    repeats, so the model knows nothing of them; over a whole catalogue the mask keeps PPO from trying any.

    Attributes:
        world_model: What was learned of the viewers, with its report. One that is set before ``fit`` is taken as it
            is, and ``fit`` learns the policy only; None learns one again. What ``fit`` learns it learns anew each time.
        history: As of ``ppo``, of imagined sessions; the return is after the penalty.
    """

    family = "model_based"
    learns_from = "dataset"
    extra = "online"
    over_catalogues = "guided"
    Config: ClassVar[type[Any]] = ModelBasedConfig
    config: Any

    _given: WorldModel | None = None  # what the user set
    _world: WorldModel | None = None  # what was learned, or read from a folder

    @property
    def world_model(self) -> WorldModel | None:
        """The one that was set, or else the one that was learned."""
        return self._world if self._given is None else self._given

    @world_model.setter
    def world_model(self, model: WorldModel | None) -> None:
        self._given = self._world = model

    @abstractmethod
    def _penalty(self, dataset: SessionDataset) -> Penalty:
        """What is taken off the predicted rating, given the sessions that the model was learned from."""

    def fit(self, source: Any = None, *, watch: Watch | None = None) -> Self:
        """Learn from a :class:`SessionDataset`.

        Raises:
            UsageError: Not a dataset, one of another task, or one that no world model can be learned from, see
                :meth:`WorldModel.fit`; or no such device.
            MissingExtraError: The extra "online" is not installed.
        """
        check_datasets(self.task, dataset=source)
        require("torch", self.extra)
        from ilrec_agents.model_based.imagined import ImaginedEnv

        config = self.config
        self._world = self._world_model(source)
        env = ImaginedEnv(
            self._world,
            penalty=self._taken_off(source),
            max_steps=config.horizon or None,
            threshold=config.threshold or None,
        )
        settings = {field.name: getattr(config, field.name) for field in fields(PPOConfig)}
        player = PPOAgent(Task.of(env), PPOConfig(**settings), seed=self.seed, device=self.device)
        player.fit(env, watch=None if watch is None else lambda _, done: self._show(player, watch, done))
        self._learned(player._network)
        self.history = player.history
        return self

    def _taken_off(self, dataset: SessionDataset) -> Penalty:
        penalty = self._penalty(dataset)
        mean = self._paid(dataset, penalty) if self.config.centred else 0.0

        def taken_off(said: Prediction, before: Before, items: NDArray[np.int64]) -> NDArray[np.float64]:
            return mean + penalty(said, before, items)

        return taken_off

    def _paid(self, dataset: SessionDataset, penalty: Penalty) -> float:
        """The mean of rating less penalty over logged steps, many of them, spread evenly."""
        from ilrec_agents.model_based.steps import Shown, logged_steps

        assert self._world is not None
        asked = logged_steps(dataset, self.task, self._world.config.window).asked
        asked = asked.take(np.unique(np.linspace(0, len(asked) - 1, _LOOK).astype(int)))
        before = Shown(asked.shown, (asked.shown >= 0).sum(axis=1))
        taken = penalty(self._world.predict(asked), before, asked.item)
        return float(dataset.transitions().rewards.mean() - taken.mean())

    def _show(self, player: PPOAgent, watch: Watch, done: int) -> None:
        self._learned(copy.deepcopy(player._network))
        self.history = player.history
        watch(self, done)

    def _world_model(self, dataset: SessionDataset) -> WorldModel:
        from ilrec_agents.model_based.world_model import WorldModel

        config, given = self.config, self._given
        if given is None:
            settings = WorldModelConfig(
                tracker=config.tracker, members=config.members, updates=config.world_updates, threads=config.threads
            )
            return WorldModel(self.task, settings, seed=self.seed, device=self.device).fit(dataset)
        if given.task.fingerprint != self.task.fingerprint:
            raise UsageError(
                "a world model must be of the environment that the agent is made for",
                received=given.task.description["dataset"],
                cause="a world model of another environment",
            )
        return given

    def _save_learned(self, folder: Path) -> None:
        super()._save_learned(folder)
        assert self.world_model is not None
        self.world_model.write(folder)

    def _load_learned(self, folder: Path) -> None:
        from ilrec_agents.model_based.world_model import WorldModel

        super()._load_learned(folder)
        self._world = WorldModel.read(folder, self.task, device=self.device)
