"""The linear model of ratings that bandits believe in, fitted to whole sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ilrec_agents.bandit.features import SHARED, Array, Shown

_SWEEPS = 2  # after each group of sessions; the next group goes on from there


class Belief(NamedTuple):
    """What is believed of weights: normal, with this mean, and a covariance in variances of the noise.

    Attributes:
        mean: ``(..., k)``.
        root: ``(..., k, k)`` with covariance root root^T.
    """

    mean: Array
    root: Array


class Sums(NamedTuple):
    """What the shared weights follow from, the sessions' own weights integrated out and the items' given.

    Attributes:
        gram: ``(5, 5)`` A = lambda I + sum over sessions of X^T V^-1 X.
        moment: ``(5,)`` sum of X^T V^-1 (y - b).
        squares: Sum of (y - b)^T V^-1 (y - b).
    """

    gram: Array
    moment: Array
    squares: float

    @property
    def theta(self) -> Array:
        """A^-1 times the moment."""
        return np.asarray(np.linalg.solve(self.gram, self.moment), np.float64)


class Regression:
    """Bayesian regression with weights of three kinds, all normal around 0.

        y = x . theta + b_i + q . w + noise,   noise ~ N(0, s^2)

    theta belongs to everybody, b_i ~ N(0, u s^2) to the item that was shown, and w ~ N(0, v s^2 I) to the session.
    Given b, theta is exact, with w integrated out: y - b ~ N(X theta, s^2 V), V = I + v Q Q^T, and V^-1 =
    I - Q M^-1 Q^T with M = I / v + Q^T Q (Woodbury), as in the hybrid model of Li et al. (WWW 2010). Given theta and
    the means of w, b_i is the sum of what is left of the item's ratings, over n_i + 1 / u. The two are found by turns,
    which ends at the means of all weights at once.

    Args:
        n_items: I.
        ridge: lambda.
        taste: v; 0: sessions have no weights.
        item_bias: u; 0: items have none.

    Attributes:
        sums: What theta follows from.
        bias: ``(I,)`` means of b.
        plays: ``(I,)`` n, how often each item was shown.
    """

    def __init__(self, n_items: int, *, ridge: float, taste: float, item_bias: float) -> None:
        self._taste, self._item_bias = taste, item_bias
        self._prior = Sums(ridge * np.eye(len(SHARED)), np.zeros(len(SHARED)), 0.0)
        self.sums, self.bias, self.plays = self._prior, np.zeros(n_items), np.zeros(n_items)
        self._sessions: list[Shown] = []

    @property
    def count(self) -> int:
        """Ratings taken in."""
        return int(self.plays.sum())

    @property
    def noise(self) -> float:
        """Standard deviation s of the noise, in half scales; 1 before anything was seen."""
        if not self.count:
            return 1.0
        left = self.sums.squares - float(self.sums.theta @ self.sums.moment)
        if self._item_bias:
            left += float(self.bias @ self.bias) / self._item_bias
        return float(np.sqrt(max(left, 0.0) / self.count))

    @property
    def doubt(self) -> Array:
        """Variances ``(I,)`` of b, in variances of the noise, were all else known: 1 / (n_i + 1 / u)."""
        return 1 / (self.plays + 1 / self._item_bias) if self._item_bias else np.zeros_like(self.bias)

    @property
    def arrays(self) -> dict[str, Array]:
        """What :meth:`restore` needs."""
        return {**self.sums._asdict(), "squares": np.array(self.sums.squares), "bias": self.bias, "plays": self.plays}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Believe what another one believed, whose :attr:`arrays` these are; its sessions are not known here."""
        self.sums = Sums(arrays["gram"], arrays["moment"], float(arrays["squares"]))
        self.bias, self.plays = arrays["bias"], arrays["plays"]

    def learn(self, shown: Shown) -> None:
        """Take in more sessions."""
        self._sessions.append(shown)
        np.add.at(self.plays, shown.items[shown.there], 1)
        for _ in range(_SWEEPS if self._item_bias else 1):
            self.sweep()

    def sweep(self) -> None:
        """One turn: theta given b, then b given theta and the means of w."""
        gram, moment, squares = self._prior
        for shown in self._sessions:
            found = self._products(shown)
            gram, moment, squares = gram + found[:-1, :-1], moment + found[:-1, -1], squares + float(found[-1, -1])
        self.sums = Sums(gram, moment, squares)
        if not self._item_bias:
            return
        theta, total = self.sums.theta, np.zeros_like(self.bias)
        for shown in self._sessions:
            w = self.of_sessions(shown, theta).mean
            left = shown.y - shown.x @ theta - (shown.q @ w[..., None])[..., 0]
            np.add.at(total, shown.items[shown.there], left[shown.there])
        self.bias = total * self.doubt

    def of_sessions(self, shown: Shown, theta: Array) -> Belief:
        """What sessions' own ratings say of their w: mean M^-1 Q^T (y - b - X theta), covariance s^2 M^-1."""
        size = shown.q.shape[-1]
        if not self._taste:
            return Belief(np.zeros((len(shown.q), size)), np.zeros((len(shown.q), size, size)))
        left = (self._beyond(shown) - shown.x @ theta)[..., None] * shown.q
        precision = self._precision(shown.q)
        return Belief(np.linalg.solve(precision, left.sum(axis=1)[..., None])[..., 0], root(precision))

    def _products(self, shown: Shown) -> Array:
        """C^T V^-1 C ``(6, 6)`` for the columns C = [X, y - b], summed over sessions."""
        columns = np.concatenate([shown.x, self._beyond(shown)[..., None]], axis=-1)
        found = columns.transpose(0, 2, 1) @ columns
        if self._taste:
            across = shown.q.transpose(0, 2, 1) @ columns
            found -= across.transpose(0, 2, 1) @ np.linalg.solve(self._precision(shown.q), across)
        return np.asarray(found.sum(axis=0), np.float64)

    def _precision(self, q: Array) -> Array:
        """M ``(B, k, k)``."""
        return np.asarray(q.transpose(0, 2, 1) @ q + np.eye(q.shape[-1]) / self._taste, np.float64)

    def _beyond(self, shown: Shown) -> Array:
        """Ratings less what is the items' own: y - b ``(B, t)``."""
        return shown.y - np.where(shown.there, self.bias[shown.items], 0.0)


def root(precision: Array) -> Array:
    """Roots ``(..., k, k)`` of the covariances whose inverses are given: root root^T = precision^-1."""
    return np.linalg.inv(np.linalg.cholesky(precision)).swapaxes(-1, -2)
