"""Normal beliefs about weights, and what they say of sums of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ilrec_agents.bandit.features import Array, Items


class Belief(NamedTuple):
    """What is believed of weights: normal, with this mean, and a covariance in variances of the noise.

    Attributes:
        mean: ``(..., k)``.
        covariance: ``(..., k, k)``.
    """

    mean: Array
    covariance: Array


def products(vectors: Array, weights: Array, items: Items) -> Array:
    """Products ``(B, n)`` of items' vectors ``(I, k)`` with weights ``(B, k)``; items ``(B, n)``, or ``(n,)``: all."""
    if items.ndim == 1:
        return weights @ vectors.T
    return np.asarray((vectors[items] @ weights[..., None])[..., 0])


def spreads(pairs: Array, forms: Array, items: Items) -> Array:
    """Quadratic forms v^T C v ``(B, n)``, of which one of v and C is the items' and one the sessions'.

    Args:
        pairs: ``(I, k (k + 1) / 2)`` the items' v or C, as :func:`outer` or :func:`upper` gives them.
        forms: ``(B, k (k + 1) / 2)`` the sessions' C or v, as the other one gives them.
        items: ``(B, n)``, or ``(n,)``: all.
    """
    return np.maximum(products(pairs, forms, items), 0.0)


def outer(vectors: Array) -> Array:
    """Products v_a v_b ``(..., k (k + 1) / 2)`` for a <= b, of vectors ``(..., k)``."""
    a, b = np.triu_indices(vectors.shape[-1])
    return np.asarray(vectors[..., a] * vectors[..., b])


def upper(matrices: Array) -> Array:
    """Entries C_ab + C_ba ``(..., k (k + 1) / 2)`` for a < b, and C_aa, of symmetric matrices ``(..., k, k)``."""
    a, b = np.triu_indices(matrices.shape[-1])
    return np.asarray(np.where(a == b, 1.0, 2.0) * matrices[..., a, b])


def inverse(matrices: Array) -> Array:
    """Inverses of matrices ``(..., k, k)``."""
    return np.asarray(np.linalg.inv(matrices), np.float64)


def root(covariance: Array) -> Array:
    """R ``(..., k, k)`` with R R^T = C; of C = 0 it is 0."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :])
