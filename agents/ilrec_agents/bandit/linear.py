"""What linear bandits share: the model, learning it by playing, and a session's own taste from its ratings so far."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ilrec_agents.bandit.features import SHARED, Array, Features, Offered, Whole
from ilrec_agents.base import Infos, Observations, ScoringAgent, Watch
from ilrec_agents.checks import flag, number, whole
from ilrec_agents.learning import HISTORY, Watched
from ilrec_agents.online.source import first_session, playable
from ilrec_agents.task import Task
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.errors import UsageError
from ilrec_gym.files import read_arrays, read_json, write_arrays, write_json

WEIGHTS = "weights.npz"
_CELLS = 250_000  # items that are scored at once: the features of more do not fit into a processor's cache


@dataclass(frozen=True)
class LinearConfig:
    """Settings that all linear bandits have.

    Attributes:
        total_timesteps: Decisions that the shared weights are learned from, rounded up to whole groups of sessions.
        n_envs: Sessions side by side.
        ridge: lambda, the weight of the prior around 0 of the shared weights.
        taste: Prior variance of a session's own weights, in variances of the noise; 0: sessions have none.
        foresight: How often similarity to what was shown counts when an item is chosen. Once is what it costs the next
            rating; what is shown now also costs the ratings to come, and 2 counts that as much again. The papers: 1.
        allow_test_users: Whether it may play with test users, on whom agents are evaluated.
    """

    total_timesteps: int = 20_000
    n_envs: int = 64
    ridge: float = 1.0
    taste: float = 0.5
    foresight: float = 2.0
    allow_test_users: bool = False

    def __post_init__(self) -> None:
        whole(self, "total_timesteps", "n_envs")
        number(self, "ridge", open_low=True)
        number(self, "taste", "foresight")
        flag(self, "allow_test_users")


class Belief(NamedTuple):
    """What is believed of weights: normal, with this mean, and a covariance in variances of the noise.

    Attributes:
        mean: ``(..., k)``.
        root: ``(..., k, k)`` with covariance root root^T.
    """

    mean: Array
    root: Array


class LinearBandit(ScoringAgent):
    """Predicts the next rating by a linear model, and explores where it is not sure.

        y = x . theta + q . w + noise

    x are features that everybody shares the weights theta of: predicted rating, similarity to what was shown lately,
    mean and popularity of the item. q are the item's public factors, and w a taste that the profile did not show: each
    session begins at w ~ N(0, v s^2 I) and learns from its own ratings, read from the history, so ``act`` keeps no
    state. It learns one rating ahead, and knows nothing of when users leave; what foresight it has is ``foresight``.

    Attributes:
        history: Per group of sessions ``timesteps`` so far, and their mean ``return`` and ``length``.
    """

    family = "bandit"
    learns_from = "env"
    info = ("action_mask", "history")
    Config: ClassVar[type[Any]] = LinearConfig
    history: list[dict[str, float]]

    def __init__(self, task: Task, config: Any, *, seed: int = 0, device: str = "auto") -> None:
        super().__init__(task, config, seed=seed, device=device)
        self._features = Features(task)
        self._gram: Array | None = None  # A = lambda I + sum over sessions of X^T V^-1 X
        self._moment, self._squares, self._count = np.zeros(len(SHARED)), 0.0, 0  # X^T V^-1 y, y^T V^-1 y, steps

    @abstractmethod
    def _optimistic(self, choices: Offered | Whole, shared: Belief, taste: Belief, infos: Infos) -> Array:
        """Scores ``(B, n)`` with which exploring is done.

        Args:
            choices: What may be shown.
            shared: What is believed of theta, the same for all sessions: ``(5,)`` and ``(5, 5)``.
            taste: What is believed of each session's w: ``(B, k)`` and ``(B, k, k)``.
            infos: Of the sessions.
        """

    @property
    def theta(self) -> Array:
        """The shared weights ``(5,)``: A^-1 b."""
        return np.asarray(np.linalg.solve(self._known(), self._moment), np.float64)

    @property
    def noise(self) -> float:
        """Standard deviation s of the noise, in half scales; 1 before anything was seen."""
        if not self._count:
            return 1.0
        left = self._squares - float(self.theta @ self._moment)
        return float(np.sqrt(max(left, 0.0) / self._count))

    def scores(self, observations: Observations, infos: Infos) -> Array:
        """Scores ``(B, n_actions)``, a few rows at a time."""
        self._known()
        n = self.task.n_actions
        found, rows = np.empty((len(observations), n)), max(1, _CELLS // n)
        memory = self.task.layout.part(observations, "memory_fast").astype(np.float64)
        counts = np.where(np.array(SHARED) == "similarity", self.config.foresight, 1.0)
        shared = Belief(self.theta, _root(self._known()))
        for first in range(0, len(found), rows):
            part = slice(first, first + rows)
            some = {name: values[part] for name, values in infos.items()}
            choices = self._features.now(memory[part], some)
            taste = self._belief(some, shared.mean)
            found[part] = self._optimistic(choices, shared._replace(mean=counts * shared.mean), taste, some)
        return found

    def _belief(self, infos: Infos, theta: Array) -> Belief:
        """After the session's ratings: M = I / v + sum q q^T, mean M^-1 sum q (y - x . theta), covariance s^2 M^-1."""
        x, q, y = self._features.past(infos)
        size = q.shape[-1]
        if not self.config.taste:
            return Belief(np.zeros((len(q), size)), np.zeros((len(q), size, size)))
        left = (y - x @ theta)[..., None] * q
        gram = q.transpose(0, 2, 1) @ q + np.eye(size) / self.config.taste
        return Belief(np.linalg.solve(gram, left.sum(axis=1)[..., None])[..., 0], _root(gram))

    def fit(self, source: Any = None, *, watch: Watch | None = None) -> Self:
        """Learn theta by playing with train users, exploring as it does when it acts.

        Raises:
            UsageError: Not the environment that the agent is made for, wrappers, or test users without leave.
        """
        env, reward = playable(source, self.task, allow_test_users=self.config.allow_test_users)
        if reward is not None:
            raise UsageError("a bandit must learn from the ratings themselves", received="a LearnedReward wrapper")
        config = self.config
        self._gram, self._moment = config.ridge * np.eye(len(SHARED)), np.zeros(len(SHARED))
        self._squares, self._count, self.history, first = 0.0, 0, [], first_session(self.seed)
        watched = Watched(watch, self, config.total_timesteps)
        with tqdm(total=config.total_timesteps, desc=self.name, unit="step", disable=None, leave=False) as bar:
            while self._count < config.total_timesteps:
                infos = self._play(env, first + np.arange(config.n_envs))
                self._learn(infos)
                first += config.n_envs
                bar.update(self._count - bar.n)
                lengths, returns = infos["step"], np.nansum(infos["history_ratings"], axis=1)
                record = {"timesteps": self._count, "return": returns.mean(), "length": lengths.mean()}
                self.history.append({name: float(value) for name, value in record.items()})
                if watched.due(self._count):
                    watched.show(self._count)
        return self

    def _play(self, env: MovieLensEnv, seeds: NDArray[np.int64]) -> Infos:
        """One session for each seed; the infos at their ends."""
        sessions = env.batch(len(seeds), self.info)
        observations, infos = sessions.reset(env.draw_users(seeds), seeds=seeds)
        while sessions.running.any():
            observations, *_, infos = sessions.step(self.act(observations, infos))
        return infos

    def _learn(self, infos: Infos) -> None:
        """Take in whole sessions, their own weights integrated out: y ~ N(X theta, s^2 V), V = I + v Q Q^T.

        V^-1 = I - Q M^-1 Q^T (Woodbury), so A gains X^T V^-1 X and b gains X^T V^-1 y: the paper's hybrid updates.
        """
        x, q, y = self._features.past(infos)
        columns = np.concatenate([x, y[..., None]], axis=-1)
        found = columns.transpose(0, 2, 1) @ columns
        if self.config.taste:
            across = q.transpose(0, 2, 1) @ columns
            gram = q.transpose(0, 2, 1) @ q + np.eye(q.shape[-1]) / self.config.taste
            found -= across.transpose(0, 2, 1) @ np.linalg.solve(gram, across)
        total = found.sum(axis=0)
        self._gram = self._known() + total[:-1, :-1]
        self._moment = self._moment + total[:-1, -1]
        self._squares, self._count = self._squares + float(total[-1, -1]), self._count + int(infos["step"].sum())

    def _known(self) -> Array:
        if self._gram is None:
            raise UsageError(
                f"the agent {self.name!r} must have learned before it acts or is saved",
                fix="call fit(env), or load one",
            )
        return self._gram

    def _save_learned(self, folder: Path) -> None:
        sums = {"squares": np.array(self._squares), "count": np.array(self._count)}
        write_arrays(folder / WEIGHTS, {"gram": self._known(), "moment": self._moment, **sums})
        write_json(folder / HISTORY, self.history)

    def _load_learned(self, folder: Path) -> None:
        found = read_arrays(folder / WEIGHTS)
        self._gram, self._moment = found["gram"], found["moment"]
        self._squares, self._count = float(found["squares"]), int(found["count"])
        self.history = read_json(folder / HISTORY)


def _root(precision: Array) -> Array:
    """Roots ``(..., k, k)`` of the covariances whose inverses are given: root root^T = precision^-1."""
    return np.linalg.inv(np.linalg.cholesky(precision)).swapaxes(-1, -2)
