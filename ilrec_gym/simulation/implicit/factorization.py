"""Factors of feedback without ratings: weighted least squares over all pairs, after Hu, Koren and Volinsky (ICDM 2008).

    minimise  sum_{u,i} c_ui (p_ui - x_u . y_i)^2 + reg (sum_u sqrt(n_u + I) |x_u|^2 + sum_i sqrt(n_i + U) |y_i|^2)

p_ui is 1 for what a user chose, and 0 for everything else. c_ui is 1 + alpha where the log has a row, and 1 where it
has none; a thumb down is a row with p_ui = 0. n counts rows. The penalty grows with the number of terms that it stands
against, as Rendle et al. have it ("Revisiting the performance of iALS on item recommendation benchmarks", RecSys 2022),
here to the power of 1/2, so that one penalty suits logs of many sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ilrec_gym.errors import UsageError

Array = NDArray[np.float64]
Index = NDArray[np.integer]

_CELLS = 20_000  # rows of the log that are solved for together, padding included: some MB at 32 factors


@dataclass(frozen=True)
class ImplicitConfig:
    """How factors are fitted to feedback without ratings.

    Attributes:
        factors: Number of factors k.
        alpha: How much more a row of the log counts than a pair that is not in it.
        regularization: Penalty ``reg`` of the formula.
        iterations: Passes over users and items.
        seed: Seed of the first item factors.
    """

    factors: int = 32
    alpha: float = 3.0
    regularization: float = 0.3
    iterations: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if self.factors < 1 or self.iterations < 1 or not (self.regularization > 0 and self.alpha > 0):
            raise UsageError(
                "factors and iterations must be at least 1, regularization and alpha positive", received=self
            )


@dataclass(frozen=True)
class Choices:
    """What users chose, and what they refused.

    Attributes:
        user: ``(N,)`` indices.
        item: ``(N,)`` indices.
        liked: ``(N,)`` bool, False for a thumb down.
    """

    user: Index
    item: Index
    liked: NDArray[np.bool_]

    def where(self, mask: NDArray[np.bool_]) -> Choices:
        """The rows that ``mask`` ``(N,)`` marks."""
        return Choices(self.user[mask], self.item[mask], self.liked[mask])


def fit(choices: Choices, n_users: int, n_items: int, config: ImplicitConfig, name: str = "factors") -> Array:
    """Item factors ``(I, k)``; :func:`user_factors` gives those of any users to them."""
    by_user, by_item = (_Groups.of(choices.user, n_users), _Groups.of(choices.item, n_items))
    items = 0.1 * np.random.default_rng(config.seed).standard_normal((n_items, config.factors))
    for _ in tqdm(range(config.iterations), desc=f"fitting {name}", unit="pass", disable=None, leave=False):
        users = _half_step(by_user, choices.item, choices.liked, items, config)
        items = _half_step(by_item, choices.user, choices.liked, users, config)
    return items


def user_factors(choices: Choices, n_users: int, items: Array, config: ImplicitConfig) -> Array:
    """Factors ``(U, k)`` of users by what they chose, given those of the items; zero for who chose nothing."""
    return _half_step(_Groups.of(choices.user, n_users), choices.item, choices.liked, items, config)


@dataclass(frozen=True)
class _Groups:
    """Rows of the log grouped by user (or item): group g is ``order[starts[g]:starts[g] + counts[g]]``."""

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, keys: Index, n: int) -> _Groups:
        counts = np.bincount(keys, minlength=n)
        return cls(np.argsort(keys, kind="stable"), np.cumsum(counts) - counts, counts)

    def batches(self, alone: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]]:
        """Groups of one size, or of like size: which groups ``(B,)``, their rows ``(B, n)``, which of those are there.

        Groups of fewer than ``alone`` rows come with groups of just their size.
        """
        by_size = np.argsort(self.counts, kind="stable")
        by_size = by_size[self.counts[by_size] > 0]
        sizes, start = self.counts[by_size], 0
        while start < len(by_size):
            most = sizes[start] if sizes[start] < alone else sizes[-1]
            end = int(np.searchsorted(sizes, most, side="right"))
            too_many = np.arange(1, end - start + 1) * sizes[start:end] > _CELLS
            end = start + max(1, int(too_many.argmax())) if too_many.any() else end
            groups = by_size[start:end]
            places = np.arange(self.counts[groups[-1]])
            there = places < self.counts[groups][:, None]
            yield groups, self.order[np.where(there, self.starts[groups][:, None] + places, 0)], there
            start = end


def _half_step(groups: _Groups, other: Index, liked: NDArray[np.bool_], others: Array, config: ImplicitConfig) -> Array:
    """All users (or items): x = (A + alpha Y_u' Y_u)^-1 (1 + alpha) Y_u' p_u with A = Y'Y + reg sqrt(n_u + I) 1."""
    solved = np.zeros((len(groups.counts), others.shape[1]))
    gram, factors = others.T @ others, others.shape[1]
    for which, rows, there in groups.batches(alone=factors):
        features = others[other[rows]] * there[..., None]
        penalty = config.regularization * np.sqrt(groups.counts[which] + len(others))
        target = (1 + config.alpha) * liked[rows].astype(np.float64)
        if rows.shape[1] < factors:
            normal = gram + penalty[0] * np.eye(factors)
            solved[which] = _by_rows(normal, features, target, config.alpha)
        else:
            normals = gram + config.alpha * (features.transpose(0, 2, 1) @ features)
            normals[:, np.arange(factors), np.arange(factors)] += penalty[:, None]
            solved[which] = np.linalg.solve(normals, np.einsum("bnk,bn->bk", features, target)[..., None])[..., 0]
    return solved


def _by_rows(normal: Array, features: Array, target: Array, alpha: float) -> Array:
    """The same x as A^-1 Y_u' (1 + alpha Y_u A^-1 Y_u')^-1 target: an equation of n_u unknowns where k are more."""
    scaled = features @ np.linalg.inv(normal)
    kernel = np.eye(features.shape[1]) + alpha * (scaled @ features.transpose(0, 2, 1))
    return np.einsum("bnk,bn->bk", scaled, np.linalg.solve(kernel, target[..., None])[..., 0])
