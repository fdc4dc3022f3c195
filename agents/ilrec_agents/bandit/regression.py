"""The model of ratings that bandits believe in, fitted to whole sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ilrec_agents.bandit.beliefs import Belief, inverse, outer, products, spreads, upper
from ilrec_agents.bandit.features import SHARED, Array, Items, Shown

_SWEEPS = 2  # after each group of sessions; the next group goes on from there


class Sums(NamedTuple):
    """What theta follows from, the sessions' own weights integrated out and the items' given.

    Attributes:
        gram: ``(5, 5)`` A = lambda I + sum over sessions of X^T V^-1 X.
        moment: ``(5,)`` sum of X^T V^-1 (y - b).
        squares: Sum of (y - b)^T V^-1 (y - b).
    """

    gram: Array
    moment: Array
    squares: float

    @property
    def theta(self) -> Belief:
        """A^-1 times the moment, and A^-1."""
        covariance = inverse(self.gram)
        return Belief(covariance @ self.moment, covariance)


class Regression:
    """Bayesian regression with weights of three kinds.

        y = x . theta + b_i + q_i . w + noise,   noise ~ N(0, s^2)

    theta belongs to everybody; w ~ N(0, v s^2 I) to the session; b_i ~ N(0, u s^2) and q_i ~ N(public factors,
    u' s^2 I) to the item that was shown. Given the items', theta is exact, with w integrated out: y - b ~
    N(X theta, s^2 V), V = I + v Q Q^T, and V^-1 = I - Q M^-1 Q^T with M = I / v + Q^T Q (Woodbury), as in the hybrid
    model of Li et al. (WWW 2010). Given theta and the means of w, each item's are a ridge regression over its ratings.
    The two are found by turns.

    Args:
        factors: ``(I, k)`` public factors.
        ridge: lambda.
        taste: v; 0: sessions have no weights.
        item_bias: u; 0: every b is 0.
        item_factors: u'; 0: every q is public.

    Attributes:
        sums: What theta follows from.
        own: ``(I, 1 + k)`` means of b_i and of q_i less the public factors.
        doubt: ``(I, m, m)`` covariances of those m that have a prior variance, in variances of the noise, were all else
            known.
        plays: ``(I,)`` how often each item was shown.
    """

    def __init__(
        self, factors: Array, *, ridge: float, taste: float, item_bias: float, item_factors: float = 0.0
    ) -> None:
        n_items, k = factors.shape
        self._public, self._taste = factors, taste
        self._variances = np.array([item_bias, *[item_factors] * k])
        self._free = self._variances > 0
        self._prior = Sums(ridge * np.eye(len(SHARED)), np.zeros(len(SHARED)), 0.0)
        self.sums, self.plays = self._prior, np.zeros(n_items)
        self.own = np.zeros((n_items, 1 + k))
        self.doubt = np.tile(np.diag(self._variances[self._free]), (n_items, 1, 1))
        self._sessions: list[Shown] = []
        self._tabulate()

    @property
    def count(self) -> int:
        """Ratings taken in."""
        return int(self.plays.sum())

    @property
    def noise(self) -> float:
        """Standard deviation s of the noise, in half scales; 1 before anything was seen."""
        if not self.count:
            return 1.0
        left = self.sums.squares - float(self.sums.theta.mean @ self.sums.moment)
        left += float((np.square(self.own).sum(axis=0)[self._free] / self._variances[self._free]).sum())
        return float(np.sqrt(max(left, 0.0) / self.count))

    def expected(self, items: Items, w: Array) -> Array:
        """b_i + q_i . w ``(B, n)`` for sessions with weights ``(B, k)``; items ``(B, n)``, or ``(n,)``: all."""
        return np.asarray(self.own[items, 0] + products(self._factors, w, items))

    def doubt_of_sessions(self, items: Items, covariance: Array) -> Array:
        """Variances ``(B, n)`` of q_i . w, in variances of the noise, for w of covariance ``(B, k, k)``."""
        return spreads(self._factor_pairs, upper(covariance), items)

    def doubt_of_items(self, items: Items, w: Array) -> Array:
        """Variances ``(B, n)`` of b_i + q_i . w, in variances of the noise, for w ``(B, k)``, were that known."""
        return spreads(self._doubt_pairs, outer(_with_one(w)[:, self._free]), items)

    def take_in(self, shown: Shown) -> None:
        """Keep more sessions, to learn from with the next turn."""
        self._sessions.append(shown)
        np.add.at(self.plays, shown.items[shown.there], 1)

    def learn(self, shown: Shown) -> None:
        """Take in more sessions, and a few turns."""
        self.take_in(shown)
        for _ in range(_SWEEPS if self._free.any() else 1):
            self.sweep()

    def sweep(self) -> None:
        """One turn: theta given the items', then the items' given theta and the means of w."""
        gram, moment, squares = self._prior
        for shown in self._sessions:
            found = self._products(shown)
            gram, moment, squares = gram + found[:-1, :-1], moment + found[:-1, -1], squares + float(found[-1, -1])
        self.sums = Sums(gram, moment, squares)
        if self._free.any():
            self._learn_items(self.sums.theta.mean)
            self._tabulate()

    def of_sessions(self, shown: Shown, theta: Array) -> Belief:
        """What sessions' own ratings say of their w: mean M^-1 Q^T (y - b - X theta), covariance s^2 M^-1."""
        q = self._of_shown(shown)
        if not self._taste:
            return Belief(np.zeros((len(q), q.shape[-1])), np.zeros((len(q), *[q.shape[-1]] * 2)))
        left = (self._beyond(shown) - shown.x @ theta)[..., None] * q
        covariance = inverse(self._precision(q))
        return Belief((covariance @ left.sum(axis=1)[..., None])[..., 0], covariance)

    @property
    def arrays(self) -> dict[str, Array]:
        """What :meth:`restore` needs."""
        sums = self.sums._asdict() | {"squares": np.array(self.sums.squares)}
        return {**sums, "own": self.own, "doubt": self.doubt, "plays": self.plays}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Believe what another one believed, whose :attr:`arrays` these are; its sessions are not known here."""
        self.sums = Sums(arrays["gram"], arrays["moment"], float(arrays["squares"]))
        self.own, self.doubt, self.plays = arrays["own"], arrays["doubt"], arrays["plays"]
        self._tabulate()

    def _tabulate(self) -> None:
        self._factors = self._public + self.own[:, 1:]
        self._factor_pairs, self._doubt_pairs = outer(self._factors), upper(self.doubt)

    def _learn_items(self, theta: Array) -> None:
        """Each item's own weights c: ridge regression of what is left of its ratings on z = (1, w)."""
        free, n_items = self._free, len(self.own)
        size = int(free.sum())
        gram, moment = np.zeros((n_items, size * (size + 1) // 2)), np.zeros((n_items, size))
        for shown in self._sessions:
            w = self.of_sessions(shown, theta).mean
            left = shown.y - shown.x @ theta - (self._public[shown.items] @ w[..., None])[..., 0]
            rows, steps = np.nonzero(shown.there)
            z = _with_one(w)[rows][:, free]
            items, total = _by_item(shown.items[rows, steps], np.hstack([outer(z), z * left[rows, steps, None]]))
            gram[items] += total[:, :-size]
            moment[items] += total[:, -size:]
        precision = np.empty((n_items, size, size))
        a, b = np.triu_indices(size)
        precision[:, a, b] = precision[:, b, a] = gram
        covariance = inverse(precision + np.diag(1 / self._variances[free]))
        self.own[:, free] = (covariance @ moment[..., None])[..., 0]
        self.doubt = covariance

    def _products(self, shown: Shown) -> Array:
        """C^T V^-1 C ``(6, 6)`` for the columns C = [X, y - b], summed over sessions."""
        columns = np.concatenate([shown.x, self._beyond(shown)[..., None]], axis=-1)
        found = columns.transpose(0, 2, 1) @ columns
        if self._taste:
            q = self._of_shown(shown)
            across = q.transpose(0, 2, 1) @ columns
            found -= across.transpose(0, 2, 1) @ np.linalg.solve(self._precision(q), across)
        return np.asarray(found.sum(axis=0), np.float64)

    def _precision(self, q: Array) -> Array:
        """M ``(B, k, k)``."""
        return np.asarray(q.transpose(0, 2, 1) @ q + np.eye(q.shape[-1]) / self._taste, np.float64)

    def _of_shown(self, shown: Shown) -> Array:
        """Q ``(B, t, k)``."""
        return self._factors[shown.items] * shown.there[..., None]

    def _beyond(self, shown: Shown) -> Array:
        """Ratings less the items' b: ``(B, t)``."""
        return shown.y - self.own[shown.items, 0] * shown.there


def _with_one(w: Array) -> Array:
    """What an item's own weights are of: z = (1, w) ``(B, 1 + k)``."""
    return np.concatenate([np.ones((len(w), 1)), w], axis=1)


def _by_item(items: Items, values: Array) -> tuple[Items, Array]:
    """Sums of values ``(N, m)`` over the rows of each item, and which items these are."""
    order = np.argsort(items, kind="stable")
    found, starts = np.unique(items[order], return_index=True)
    return found, np.add.reduceat(values[order], starts, axis=0)
