"""Sessions as data for offline learning: every observation, action, reward and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.descriptions import differences
from ilrec_agents.offline.quiet import import_d3rlpy
from ilrec_gym.errors import UsageError
from ilrec_gym.files import fingerprint

Array32 = NDArray[np.float32]
_NUMBERS = "biuf"
_COLUMNS = {"observations": (_NUMBERS, np.float32), "actions": ("iu", np.int64), "rewards": (_NUMBERS, np.float32)}
"""Columns of an episode: kinds of numpy's dtypes that they may be given as, and what they are kept as."""


@dataclass(frozen=True)
class DatasetTask:
    """The environment that sessions were played in.

    Attributes:
        description: What decides sessions there, as ``env.unwrapped.describe()`` gives it.
        env_spec: Gymnasium's spec as JSON, which makes the environment again; None where it had none.
    """

    description: dict[str, Any]
    env_spec: dict[str, Any] | None = None

    @property
    def fingerprint(self) -> str:
        """Hash of the description, equal to the environment's and to ``Task.fingerprint``."""
        return fingerprint(self.description)


@dataclass(frozen=True, eq=False)
class Episode:
    """One session of T steps.

    Attributes:
        observations: ``(T + 1, d)`` float32, the last one after the last step.
        actions: ``(T,)`` int64.
        rewards: ``(T,)`` float32.
        terminated: Whether the viewer left. Otherwise the session was cut at its horizon.
        extras: Further arrays with first axis T: ``propensity``, ``item_id``, ``candidates`` (item ids), ...
    """

    observations: Array32
    actions: NDArray[np.int64]
    rewards: Array32
    terminated: bool
    extras: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, (kinds, dtype) in _COLUMNS.items():
            object.__setattr__(self, name, _array(name, getattr(self, name), kinds).astype(dtype, copy=False))
        if not isinstance(self.terminated, (bool, np.bool_)):
            raise UsageError("terminated of an episode must be True or False", received=self.terminated)
        object.__setattr__(self, "terminated", bool(self.terminated))
        object.__setattr__(self, "extras", {name: _array(name, value, _NUMBERS) for name, value in self.extras.items()})
        steps = len(self.actions) if self.actions.ndim == 1 else 0
        if not steps or self.observations.ndim != 2 or len(self.observations) != steps + 1:
            raise UsageError(
                "an episode needs T >= 1 actions and T + 1 flat observations",
                received=f"actions {self.actions.shape}, observations {self.observations.shape}",
                cause="the observation after the last step was left out",
            )
        for name, value in {"rewards": self.rewards[..., None], **self.extras}.items():
            if value.ndim < 1 + (name == "rewards") or len(value) != steps:
                raise UsageError(f"{name} of an episode must have first axis {steps}", received=value.shape)
        if not (np.isfinite(self.observations).all() and np.isfinite(self.rewards).all()):
            raise UsageError("observations and rewards must be finite", cause="a session not played to its end")

    def __len__(self) -> int:
        return len(self.actions)


@dataclass(frozen=True, eq=False)
class Transitions:
    """All steps of a dataset, one after the other.

    Attributes:
        observations: ``(N, d)`` float32.
        actions: ``(N,)`` int64.
        rewards: ``(N,)`` float32.
        next_observations: ``(N, d)`` float32, also after the last step of a session.
        terminals: ``(N,)`` bool, True where the viewer left; a cut at the horizon is not terminal.
        episodes: ``(N,)`` int64, index of the session.
    """

    observations: Array32
    actions: NDArray[np.int64]
    rewards: Array32
    next_observations: Array32
    terminals: NDArray[np.bool_]
    episodes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.actions)


@dataclass(frozen=True, eq=False)
class SessionDataset:
    """Sessions of one task; the rules are checked at construction.

    Attributes:
        episodes: At least one session.
        n_actions: Number of actions of the task, whatever actions occur.
        observation_dim: Length d of an observation.
        task: The environment.
    """

    episodes: tuple[Episode, ...]
    n_actions: int
    observation_dim: int
    task: DatasetTask

    def __post_init__(self) -> None:
        object.__setattr__(self, "episodes", tuple(self.episodes))
        if not self.episodes:
            raise UsageError("a dataset needs at least one session", cause="nothing was collected")
        for i, episode in enumerate(self.episodes):
            if episode.observations.shape[1] != self.observation_dim:
                raise UsageError(
                    f"observations must have length {self.observation_dim}",
                    received=f"{episode.observations.shape[1]} in episode {i}",
                    cause="sessions of another environment",
                )
            if episode.actions.min() < 0 or episode.actions.max() >= self.n_actions:
                raise UsageError(
                    f"actions must lie in Discrete({self.n_actions})",
                    received=f"{episode.actions.min()} to {episode.actions.max()} in episode {i}",
                    cause="sessions of another environment",
                )

    def __len__(self) -> int:
        return len(self.episodes)

    def merge(self, *others: SessionDataset) -> SessionDataset:
        """This dataset's sessions, then those of the others.

        Raises:
            UsageError: One of them is of another task.
        """
        for other in others:
            if (other.task.fingerprint, other.n_actions, other.observation_dim) != self._shape:
                differs = differences(self.task.description, other.task.description)
                raise UsageError(
                    "datasets that are merged must be of one task",
                    received=f"differs in: {differs or 'shape'}",
                    cause="sessions played in different environments",
                    fix="collect both in the same environment",
                )
        return replace(self, episodes=sum((other.episodes for other in others), self.episodes))

    def with_rewards(self, rewards: NDArray[np.floating]) -> SessionDataset:
        """The same sessions with other rewards ``(N,)``, in the order of :meth:`transitions`."""
        if np.shape(rewards) != (self.n_transitions,):
            raise UsageError(f"rewards must have shape ({self.n_transitions},)", received=np.shape(rewards))
        parts = np.split(np.asarray(rewards), np.cumsum(self.lengths)[:-1])
        return replace(
            self, episodes=tuple(replace(e, rewards=part) for e, part in zip(self.episodes, parts, strict=True))
        )

    def transitions(self) -> Transitions:
        """All steps as flat arrays."""
        last = np.zeros(self.n_transitions, bool)
        last[np.cumsum(self.lengths) - 1] = [episode.terminated for episode in self.episodes]
        return Transitions(
            observations=np.concatenate([e.observations[:-1] for e in self.episodes]),
            actions=np.concatenate([e.actions for e in self.episodes]),
            rewards=np.concatenate([e.rewards for e in self.episodes]),
            next_observations=np.concatenate([e.observations[1:] for e in self.episodes]),
            terminals=last,
            episodes=np.repeat(np.arange(len(self)), self.lengths),
        )

    def extra(self, name: str) -> NDArray[Any]:
        """One of the extras over all steps, in the order of :meth:`transitions`.

        Raises:
            UsageError: Some session has none of that name, or one of another shape.
        """
        missing = sum(name not in episode.extras for episode in self.episodes)
        if missing:
            raise UsageError(
                f"every session must have the extra {name!r}",
                received=f"{missing} of {len(self)} have none",
                cause="an agent that does not say it, or sessions of several agents",
            )
        parts = [episode.extras[name] for episode in self.episodes]
        if len(shapes := {part.shape[1:] for part in parts}) > 1:
            raise UsageError(
                f"the extra {name!r} must have one shape in all sessions",
                received=sorted(shapes),
                cause="sessions of several agents",
            )
        return np.concatenate(parts)

    def column(self, name: str) -> NDArray[Any]:
        """One of the extras that are one number per step, ``(N,)``.

        Raises:
            UsageError: Some session has none of that name, or it is more than one number per step.
        """
        found = self.extra(name)
        if found.ndim != 1:
            raise UsageError(
                f"the extra {name!r} must be one number per step",
                received=f"an array of shape {found.shape[1:]} per step",
                cause="an axis too many",
                fix="leave the axis out: (T,) numbers for a session of T steps",
            )
        return found

    @property
    def n_transitions(self) -> int:
        """Number of steps N of all sessions."""
        return int(self.lengths.sum())

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """``(E,)`` steps of each session."""
        return np.array([len(episode) for episode in self.episodes], np.int64)

    @cached_property
    def returns(self) -> NDArray[np.float64]:
        """``(E,)`` sum of each session's rewards."""
        return np.array([episode.rewards.sum(dtype=np.float64) for episode in self.episodes])

    def to_d3rlpy(self) -> Any:
        """A d3rlpy ``ReplayBuffer`` of unlimited size, with the task's action space and size.

        Sessions that were cut get a closing row (see :func:`closed`), so that no step is lost.

        Raises:
            MissingExtraError: The extra "offline" is not installed.
        """
        dataset = import_d3rlpy().dataset
        return dataset.ReplayBuffer(
            dataset.InfiniteBuffer(),
            episodes=[dataset.Episode(**closed(episode)) for episode in self.episodes],
            observation_signature=_signature(dataset, np.float32, self.observation_dim),
            action_signature=_signature(dataset, np.int64, 1),
            reward_signature=_signature(dataset, np.float32, 1),
            action_space=import_d3rlpy().ActionSpace.DISCRETE,
            action_size=self.n_actions,
        )

    @property
    def _shape(self) -> tuple[str, int, int]:
        return self.task.fingerprint, self.n_actions, self.observation_dim


def closed(episode: Episode) -> dict[str, Any]:
    """An episode as d3rlpy's columns, in which a row holds an observation and the action taken there.

    d3rlpy drops the last row of a session that did not terminate, for want of a next observation. So such a session
    gets one closing row: the last observation, action 0, reward 0. It is never sampled as a step.
    """
    extra = 0 if episode.terminated else 1
    return {
        "observations": episode.observations[: len(episode) + extra],
        "actions": np.pad(episode.actions, (0, extra))[:, None],
        "rewards": np.pad(episode.rewards, (0, extra))[:, None],
        "terminated": episode.terminated,
    }


def _array(name: str, values: Any, kinds: str) -> NDArray[Any]:
    """The values as an array, once they are of these kinds: what is cast from others is no longer what was given."""
    try:
        found = np.asarray(values)
    except ValueError as error:  # lists of unequal lengths
        raise UsageError(f"{name} of an episode must be an array", received=values, cause=str(error)) from error
    if found.size and found.dtype.kind not in kinds:
        whole = kinds == "iu"
        raise UsageError(
            f"{name} of an episode must be {'whole ' if whole else ''}numbers",
            received=f"an array of {found.dtype}",
            cause="continuous actions, or whole numbers kept as floats" if whole else "words, or objects",
            fix="actions.astype(int), where nothing is lost by it" if whole else "words belong in the journal",
        )
    return found


def _signature(dataset: Any, dtype: type, size: int) -> Any:
    return dataset.Signature(dtype=[np.dtype(dtype)], shape=[(size,)])
