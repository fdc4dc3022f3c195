"""Logged sessions up to a horizon as arrays: rewards, what the logger and the target would do, weights and values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.offline.episodes import SessionDataset
from ilrec_gym.errors import UsageError

Floats = NDArray[np.float64]
_LARGEST = 345.0  # e^345: squares of such weights still fit, and an estimate that needs larger ones is lost anyhow
_ROUNDING = 1e-6  # by which probabilities that were kept in float32 may miss


@dataclass(frozen=True, eq=False)
class WeightedSessions:
    """E sessions up to horizon H. After its end a session stays in a state that gives nothing and leaves no choice.

    Attributes:
        rewards: (E, H) r_t; 0 after the end.
        propensities: (E, H) b(a_t | s_t) of the actions taken, in (0, 1]; 1 after the end.
        targets: (E, H) pi(a_t | s_t) of the same actions, in [0, 1]; 1 after the end.
        present: (E, H) bool, whether the session still ran.
        gamma: Discount per step.
        q: (E, H) Q(s_t, a_t) of the target; None where no Q was fitted; 0 after the end.
        v: (E, H) sum_a pi(a | s_t) Q(s_t, a); likewise.
    """

    rewards: Floats
    propensities: Floats
    targets: Floats
    present: NDArray[np.bool_]
    gamma: float = 1.0
    q: Floats | None = None
    v: Floats | None = None

    def __post_init__(self) -> None:
        shape = self.rewards.shape
        for name in ("propensities", "targets", "present", "q", "v"):
            value = getattr(self, name)
            if value is not None and value.shape != shape:
                raise UsageError(f"{name} must have shape {shape}, as rewards have", received=value.shape)
        if not 0 <= self.gamma <= 1:
            raise UsageError("gamma must be a number from 0 to 1", received=self.gamma)
        wrong = ~(self.propensities > 0) | (self.propensities > 1 + _ROUNDING)
        if wrong.any():
            raise UsageError(
                "every propensity must be above 0 and at most 1",
                received=f"{self.propensities[wrong][0]} and {int(wrong.sum()) - 1} more",
                cause="an action that its policy never takes cannot have been logged",
                fix="collect with a stochastic agent and keep what its explain() says",
            )
        if not ((self.targets >= 0) & (self.targets <= 1 + _ROUNDING)).all():
            raise UsageError("every target probability must lie between 0 and 1", received=self.targets.max())
        if not all(np.isfinite(x).all() for x in (self.rewards, self.q, self.v) if x is not None):
            raise UsageError("rewards and values must be finite", cause="a Q function that diverged")

    @classmethod
    def of(
        cls,
        dataset: SessionDataset,
        probabilities: NDArray[np.floating],
        *,
        horizon: int,
        gamma: float = 1.0,
    ) -> WeightedSessions:
        """From a dataset with the extra ``propensity``.

        Args:
            dataset: The sessions.
            probabilities: (N, n_actions) of the target at every step, in the order of ``dataset.transitions()``.
            horizon: H; later steps are left out.
            gamma: Discount per step.

        Raises:
            UsageError: No propensities, some that are not in (0, 1], or probabilities of another shape.
        """
        probabilities = checked_policy(dataset, probabilities)
        actions = np.concatenate([episode.actions for episode in dataset.episodes])
        return cls(
            rewards=padded(dataset, (e.rewards for e in dataset.episodes), horizon),
            propensities=padded(dataset, _split(dataset, dataset.column("propensity")), horizon, 1.0),
            targets=padded(dataset, _split(dataset, probabilities[np.arange(len(actions)), actions]), horizon, 1.0),
            present=np.arange(horizon) < dataset.lengths[:, None],
            gamma=gamma,
        )

    def __len__(self) -> int:
        return len(self.rewards)

    @property
    def horizon(self) -> int:
        """H."""
        return self.rewards.shape[1]

    @cached_property
    def discounts(self) -> Floats:
        """(H,) gamma^t."""
        return np.asarray(self.gamma ** np.arange(self.horizon))

    @cached_property
    def returns(self) -> Floats:
        """(E,) sum_t gamma^t r_t."""
        return self.rewards @ self.discounts

    @cached_property
    def weights(self) -> Floats:
        """(E, H) rho_{0:t} = prod_{k <= t} pi(a_k | s_k) / b(a_k | s_k)."""
        with np.errstate(divide="ignore"):  # the logarithm of a chance of 0
            logs = np.cumsum(np.log(self.targets) - np.log(self.propensities), axis=1)
        return np.exp(np.minimum(logs, _LARGEST))

    @cached_property
    def weights_before(self) -> Floats:
        """(E, H) rho_{0:t-1}, 1 at the first step."""
        return np.concatenate([np.ones((len(self), 1)), self.weights[:, :-1]], axis=1)


def padded(dataset: SessionDataset, columns: Iterable[NDArray[np.generic]], horizon: int, after: float = 0.0) -> Floats:
    """(E, H) one column per session, cut at the horizon, with ``after`` behind its end."""
    table = np.full((len(dataset), horizon), after)
    for row, column in zip(table, columns, strict=True):
        row[: len(column)] = column[:horizon]
    return table


def checked_policy(dataset: SessionDataset, probabilities: NDArray[np.floating]) -> Floats:
    """Refuse what is no policy over the dataset's steps.

    Raises:
        UsageError: Another shape, or rows that are no probabilities.
    """
    found = np.asarray(probabilities, np.float64)
    if found.shape != (dataset.n_transitions, dataset.n_actions):
        raise UsageError(
            f"probabilities must have shape {(dataset.n_transitions, dataset.n_actions)}", received=found.shape
        )
    if not ((found >= 0).all() and np.allclose(found.sum(axis=1), 1, atol=1e-4)):
        raise UsageError(
            "each row of probabilities must be at least 0 and sum to 1",
            received=f"sums from {found.sum(axis=1).min():.6g} to {found.sum(axis=1).max():.6g}",
            cause="an agent whose probabilities() gives scores",
        )
    return found


def _split(dataset: SessionDataset, values: NDArray[np.generic]) -> list[NDArray[np.generic]]:
    return np.split(values, np.cumsum(dataset.lengths)[:-1])
