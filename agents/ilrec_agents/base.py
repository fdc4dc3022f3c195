"""The agent protocol: one small class that every family implements, and two that make it shorter still."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from ilrec_agents.saved import check_task, config_of, description, read_description
from ilrec_agents.task import Task
from ilrec_gym.errors import ArtefactError, UsageError
from ilrec_gym.files import replacing, sha256, write_json
from ilrec_gym.simulation.draws import AGENT, uniform

ABOUT = "agent.json"
"""What every saved agent's folder has."""

Observations = NDArray[np.float32]
Infos = dict[str, NDArray[Any]]
Actions = NDArray[np.int64]
Watch = Callable[["Agent", int], None]
"""Looks on while an agent learns: called with the agent, ready to act, and the steps or updates it has made."""


@dataclass(frozen=True)
class NoConfig:
    """An agent without settings."""


class Agent(ABC):
    """Chooses actions for a batch of sessions.

    Class attributes:
        name: Its name in the registry.
        family: "heuristic", "oracle", "bandit", "online", "offline", "model_based" or "llm".
        learns_from: "nothing", "env" or "dataset".
        source: Where it comes from: a paper, or "".
        sees_truth: Whether it looks at what the simulator hides. Such rows are upper bounds, not agents.
        draws: Whether it draws its actions: then one session says little of a user. Where settings decide,
            :meth:`draws_with` says it.
        info: Optional parts of the info that it needs.
        extra: The pip extra that it needs, or "".
        Config: A frozen dataclass of its settings.
    """

    name: ClassVar[str]
    family: ClassVar[str] = "heuristic"
    learns_from: ClassVar[str] = "nothing"
    source: ClassVar[str] = ""
    sees_truth: ClassVar[bool] = False
    draws: ClassVar[bool] = False
    info: ClassVar[tuple[str, ...]] = ("action_mask",)
    extra: ClassVar[str] = ""
    Config: ClassVar[type[Any]] = NoConfig

    def __init__(self, task: Task, config: Any, *, seed: int = 0, device: str = "auto") -> None:
        self.task, self.config, self.seed, self.device = task, config, seed, device

    def fit(self, source: Any = None, *, watch: Watch | None = None) -> Self:
        """Learn from what ``learns_from`` names; agents that learn from nothing need no call.

        Args:
            source: An environment with train users, or a dataset.
            watch: Looks on at some ten points: called with this agent, ready to act, and the steps or updates made.
        """
        return self

    @classmethod
    def draws_with(cls, config: Any) -> bool:
        """Whether it draws its actions under these settings."""
        return cls.draws

    @abstractmethod
    def act(self, observations: Observations, infos: Infos) -> Actions:
        """Choose an action in every row.

        Args:
            observations: ``(B, d)`` float32, flat as the layout says.
            infos: Arrays with first axis B, as ``Sessions.infos`` gives them. Rows whose ``running`` is False
                have ended; what is chosen there does not count.

        Returns:
            ``(B,)`` int64 actions, never a masked one where ``infos`` has an ``action_mask``.
        """

    def probabilities(self, observations: Observations, infos: Infos) -> NDArray[np.float64]:
        """How likely each action is ``(B, n_actions)``, each row summing to 1; all on one where nothing is drawn.

        Raises:
            UsageError: The agent draws, and does not know from what distribution.
        """
        if self.draws_with(self.config):
            raise UsageError(
                f"the agent {self.name!r} must know how likely each of its choices is",
                received="draws whose chances it has no formula for",
                fix="take an agent that says them, or ilrec_agents.ope.softened() of one that draws nothing",
            )
        chosen = self.act(observations, infos)
        return (chosen[:, None] == np.arange(self.task.n_actions)).astype(np.float64)

    def explain(self) -> list[dict[str, Any]] | None:
        """What the last :meth:`act` can say about each row (reasons, propensities, tokens), if anything."""
        return None

    def save(self, path: str | Path) -> None:
        """Write the agent as a folder: ``agent.json`` and what it learned. A saved agent there is replaced whole.

        Raises:
            UsageError: A folder of something else, or a file, is there; or the agent has not learned.
            StorageError: No space or no permission.
        """
        with replacing(path, mark=ABOUT) as draft:
            draft.mkdir()
            self._save_learned(draft)
            learned = {path.name: sha256(path) for path in sorted(draft.iterdir())}
            about = description(self.task, self.config, self.seed)
            write_json(draft / ABOUT, about | {"agent": self.name, "files": learned})

    @classmethod
    def load(cls, path: str | Path, env: gym.Env[Any, Any], *, device: str = "auto") -> Self:
        """Read an agent that :meth:`save` wrote.

        Raises:
            ArtefactError: Not an agent's folder, another agent's or another version's, or one made for another
                environment.
        """
        card = read_about(path)
        if card["agent"] != cls.name:
            raise ArtefactError(
                f"{path} must hold the agent {cls.name!r}",
                received=card["agent"],
                fix="ilrec_agents.load_agent(path, env) finds the class by itself",
            )
        task = Task.of(env)
        check_task(card, task, "agent")
        for name, expected in card["files"].items():
            found = sha256(Path(path) / name) if (Path(path) / name).is_file() else "no file"
            if found != expected:
                raise ArtefactError(
                    f"{Path(path) / name} must be the file that agent.json names",
                    received=found,
                    cause="the file was damaged or changed after it was saved",
                    fix="train the agent again",
                )
        config = config_of(cls.Config, card, Path(path) / ABOUT)
        agent = cls(task, config, seed=card["seed"], device=device)
        agent._load_learned(Path(path))
        return agent

    def _save_learned(self, folder: Path) -> None:  # noqa: B027
        """Write what was learned into the folder; nothing by default."""

    def _load_learned(self, folder: Path) -> None:  # noqa: B027
        """Read what :meth:`_save_learned` wrote."""


def read_about(path: str | Path) -> dict[str, Any]:
    """What a saved agent's ``agent.json`` says.

    Raises:
        ArtefactError: It is missing, damaged, or of another format.
    """
    return read_description(Path(path) / ABOUT, "agent", agent=str, files=dict)


class ScoringAgent(Agent):
    """An agent that takes the allowed action with the highest score; ties go to the first."""

    @abstractmethod
    def scores(self, observations: Observations, infos: Infos) -> NDArray[np.floating]:
        """Scores ``(B, n_actions)``."""

    def act(self, observations: Observations, infos: Infos) -> Actions:
        """The best allowed action in every row."""
        scores = self.scores(observations, infos)
        return np.where(allowed(infos, scores.shape), scores, -np.inf).argmax(axis=1)


class ItemScoringAgent(ScoringAgent):
    """A scoring agent that thinks in items; where a few are on offer, it takes the best of those."""

    @abstractmethod
    def item_scores(self, observations: Observations, infos: Infos) -> NDArray[np.floating]:
        """Scores ``(B, I)`` of the whole catalogue."""

    def scores(self, observations: Observations, infos: Infos) -> NDArray[np.floating]:
        """Scores of the actions."""
        scores = self.item_scores(observations, infos)
        return np.take_along_axis(scores, infos["candidates"], axis=1) if self.task.n_candidates else scores


class StochasticAgent(Agent):
    """An agent that draws from a distribution and says how likely its choice was.

    Draws depend on the agent's seed and the session's own seed, episode and step, not on the other rows of the batch.
    """

    draws = True
    _propensities: NDArray[np.float64] | None = None

    @abstractmethod
    def probabilities(self, observations: Observations, infos: Infos) -> NDArray[np.float64]:
        """Probabilities ``(B, n_actions)``, zero for masked actions, each row summing to 1."""

    def act(self, observations: Observations, infos: Infos) -> Actions:
        """One draw in every row."""
        return self.drawn(self.probabilities(observations, infos), infos)

    def drawn(self, probabilities: NDArray[np.float64], infos: Infos) -> Actions:
        """One draw in every row from probabilities ``(B, n_actions)``."""
        draw = uniform(infos["seed"], infos["session"], AGENT, infos["step"], lane=self.seed)
        cumulative = np.cumsum(probabilities, axis=1)
        actions = (cumulative <= draw[:, None] * cumulative[:, -1:]).sum(axis=1)
        self._propensities = np.take_along_axis(probabilities, actions[:, None], axis=1)[:, 0]
        return actions

    def explain(self) -> list[dict[str, Any]] | None:
        """The propensity of each row's action."""
        return None if self._propensities is None else [{"propensity": float(p)} for p in self._propensities]


def allowed(infos: Infos, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The action mask ``(B, n_actions)``, all True where the infos have none or a row has nothing left."""
    mask = infos.get("action_mask")
    if mask is None:
        return np.ones(shape, bool)
    if mask.shape != shape:
        raise UsageError(
            f"action_mask must have shape {shape}", received=mask.shape, cause="infos of another environment"
        )
    return mask | ~mask.any(axis=1, keepdims=True)
