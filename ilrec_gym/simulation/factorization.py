"""Biased matrix factorisation by alternating least squares.

    R(u, i) = m + b_u + b_i + p_u . q_i

Each half step solves one user's (or item's) bias and factors jointly, a ridge regression on the features (1, q_i) whose
penalty is weighted by the square root of the user's (item's) count n (Zhou et al. 2008 weight by n, which shrinks the
well-known too hard; an unweighted penalty shrinks the unknown too little):

    (b_u, p_u) = argmin  sum_i (R_ui - m - b_i - b_u - p_u . q_i)^2 + reg sqrt(n_u) (b_u^2 + |p_u|^2)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray
from tqdm import tqdm

from ilrec_gym.data import Interactions
from ilrec_gym.errors import UsageError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FactorizationConfig:
    """How a factor model is fitted.

    Attributes:
        factors: Number of factors k.
        regularization: Penalty ``reg`` of the formula, in squared rating units.
        iterations: Passes over users and items.
        seed: Seed of the first item factors.
    """

    factors: int = 32
    regularization: float = 1.2
    iterations: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if self.factors < 1 or self.iterations < 1 or not self.regularization > 0:
            raise UsageError("factors and iterations must be at least 1 and regularization positive", received=self)


@dataclass(frozen=True)
class FactorModel:
    """R(u, i) = mean + user_bias[u] + item_bias[i] + user_factors[u] . item_factors[i].

    Attributes:
        mean: Mean rating m.
        user_bias: ``(U,)`` float64.
        item_bias: ``(I,)`` float64.
        user_factors: ``(U, k)`` float64.
        item_factors: ``(I, k)`` float64.
    """

    mean: float
    user_bias: Array
    item_bias: Array
    user_factors: Array
    item_factors: Array

    def predict(self, users: NDArray[np.integer], items: NDArray[np.integer]) -> Array:
        """Ratings ``(B,)`` of one item for each user, not clipped to the scale."""
        taste = np.einsum("bk,bk->b", self.user_factors[users], self.item_factors[items])
        return self.mean + self.user_bias[users] + self.item_bias[items] + taste

    def predict_some(self, users: NDArray[np.integer], items: NDArray[np.integer]) -> Array:
        """Ratings ``(B, n)`` of n items of its own ``(B, n)`` for each user, not clipped to the scale."""
        taste = (self.item_factors[items] @ self.user_factors[users][..., None])[..., 0]
        return self.mean + self.user_bias[users][:, None] + self.item_bias[items] + taste

    def predict_all(self, users: NDArray[np.integer]) -> Array:
        """Ratings ``(B, I)`` of every item for each user, not clipped to the scale."""
        base = self.mean + self.user_bias[users][:, None] + self.item_bias
        return base + self.user_factors[users] @ self.item_factors.T

    def tastes(self, users: Any) -> Any:
        """(m + b_u, p_u): what decides the ratings of each user, ``(B, 1 + k)``."""
        factors = self.user_factors[users]
        xp = array_namespace(factors)
        return xp.concat([self.mean + self.user_bias[users][:, None], factors], axis=1)

    def rate(self, tastes: Any, items: Any) -> Any:
        """Ratings ``(B,)`` of one item for each row of tastes, not clipped to the scale."""
        xp = array_namespace(tastes)
        return tastes[:, 0] + self.item_bias[items] + xp.vecdot(tastes[:, 1:], self.item_factors[items])


def fit(
    interactions: Interactions, n_users: int, n_items: int, config: FactorizationConfig, name: str = "factors"
) -> FactorModel:
    """Fit a factor model to ratings.

    Args:
        interactions: Ratings; users and items are indices below ``n_users`` and ``n_items``.
        n_users: Number of users U.
        n_items: Number of items I.
        config: Hyper-parameters.
        name: What the progress bar calls it.

    Returns:
        The model; users and items without a rating get bias and factors zero.
    """
    user, item, rating = interactions.user, interactions.item, interactions.rating
    mean = float(rating.mean())
    rng = np.random.default_rng(config.seed)
    users = np.zeros((n_users, config.factors + 1))
    items = np.concatenate([np.zeros((n_items, 1)), 0.1 * rng.standard_normal((n_items, config.factors))], axis=1)
    by_user, by_item = _Groups.of(user, n_users), _Groups.of(item, n_items)
    centred = rating - mean
    for _ in tqdm(range(config.iterations), desc=f"fitting {name}", unit="pass", disable=None, leave=False):
        users = _half_step(by_user, item, centred, items, config.regularization)
        items = _half_step(by_item, user, centred, users, config.regularization)
    return FactorModel(mean, users[:, 0], items[:, 0], users[:, 1:], items[:, 1:])


def fold_in(
    model: FactorModel, items: NDArray[np.integer], ratings: Array, regularization: float
) -> tuple[float, Array]:
    """Bias and factors ``(k,)`` of a user who was not fitted, from some of their ratings: the user half step alone."""
    if not len(items):
        return 0.0, np.zeros(model.item_factors.shape[1])
    others = np.concatenate([model.item_bias[items, None], model.item_factors[items]], axis=1)
    solved = _ridge(others, ratings - model.mean, regularization)
    return float(solved[0]), solved[1:]


def fit_but(
    interactions: Interactions,
    n_users: int,
    n_items: int,
    config: FactorizationConfig,
    *,
    fraction: float = 0.1,
    seed: int = 0,
) -> tuple[FactorModel, NDArray[np.bool_]]:
    """A fit without a random ``fraction`` of the ratings, and which of the N those are: ``(N,)`` bool."""
    held = np.random.default_rng(seed).random(len(interactions.rating)) < fraction
    return fit(_where(interactions, ~held), n_users, n_items, config, name="held-out check"), held


def holdout_rmse(interactions: Interactions, n_users: int, n_items: int, config: FactorizationConfig) -> float:
    """Root mean square error on a random 10% of the ratings, held out of the fit."""
    model, held = fit_but(interactions, n_users, n_items, config)
    error = model.predict(interactions.user[held], interactions.item[held]) - interactions.rating[held]
    return float(np.sqrt(np.mean(error**2)))


def of_users(interactions: Interactions, chosen: NDArray[np.bool_]) -> Interactions:
    """The interactions of the users that ``chosen`` ``(U,)`` marks."""
    return _where(interactions, chosen[interactions.user])


def _where(interactions: Interactions, mask: NDArray[np.bool_]) -> Interactions:
    return Interactions(
        interactions.user[mask], interactions.item[mask], interactions.rating[mask], interactions.timestamp[mask]
    )


@dataclass(frozen=True)
class _Groups:
    """Rows of the ratings grouped by user (or item): group g is ``order[starts[g]:starts[g + 1]]``."""

    order: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, keys: NDArray[np.integer], n: int) -> _Groups:
        return cls(np.argsort(keys, kind="stable"), np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=n))]))

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        return (self.order[a:b] for a, b in zip(self.starts[:-1], self.starts[1:], strict=True))


def _half_step(
    groups: _Groups, other: NDArray[np.integer], centred: Array, others: Array, regularization: float
) -> Array:
    solved = np.zeros((len(groups.starts) - 1, others.shape[1]))
    for row, members in enumerate(groups):
        if len(members):
            solved[row] = _ridge(others[other[members]], centred[members], regularization)
    return solved


def _ridge(others: Array, centred: Array, regularization: float) -> Array:
    target = centred - others[:, 0]
    features = others.copy()
    features[:, 0] = 1.0
    normal = features.T @ features
    normal.flat[:: len(normal) + 1] += regularization * np.sqrt(len(features))
    return np.asarray(np.linalg.solve(normal, features.T @ target), np.float64)
