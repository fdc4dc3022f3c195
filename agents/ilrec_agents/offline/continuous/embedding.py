"""Where items lie when an action is a point: in the wrapper's box, by what they are about or by public factors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.task import Task
from ilrec_gym.wrappers.item_embedding import scaled

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Space:
    """Items as points.

    Attributes:
        vectors: ``(I, k)`` as ``ItemEmbeddingAction(env, vectors=...)`` takes them.
        features: ``(I, F)`` what the vectors are made of, linearly.
        meets: Places of the observation and places of the features, of one length each, whose inner product says
            something of an item: how similar it is to what was shown, how it fits the viewer's taste.
    """

    vectors: Array
    features: Array
    meets: tuple[tuple[slice, slice], ...]

    @cached_property
    def points(self) -> NDArray[np.float32]:
        """``(I, k)`` where the items lie in the box from -1 to 1; some lie outside."""
        return scaled(self.vectors, len(self.vectors))

    @cached_property
    def decoder(self) -> tuple[Array, Array]:
        """``(k, F)`` and ``(F,)``: features = points @ first + second, for any point."""
        ones = np.concatenate([self.points.astype(np.float64), np.ones((len(self.points), 1))], axis=1)
        solved: Array = np.linalg.lstsq(ones, self.features, rcond=None)[0]
        return solved[:-1], solved[-1]


def content(task: Task) -> Space:
    """Items by public bias, in half scales, and content, a vector of length 1.

    What a viewer gives for an item is nearly linear in these two: the bias, less the content's inner product with the
    memory of what was shown. As content vectors are all of one length, the item nearest to a point is about that of the
    largest inner product with it (Bachrach et al., RecSys 2014), so some point has the item that is best.

    They are turned so that they vary alike in every dimension: principal components, mixed by a real Fourier matrix.
    The wrapper's scaling per dimension then is about one scale for all, and leaves near what is near. Otherwise rare
    genres would be blown up, and most of the box would lie beyond all items.
    """
    features = np.concatenate([task.public.item_bias[:, None] / task.half, task.catalogue.vectors], axis=1)
    centred = features - features.mean(axis=0)
    _, size, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[size > 1e-9 * size[0]]
    # A principal axis may point either way; here its largest part is positive, on every machine.
    axes *= np.sign(np.take_along_axis(axes, np.abs(axes).argmax(axis=1, keepdims=True), axis=1))
    at, genres = task.layout.slices, slice(1, features.shape[1])
    return Space(
        centred @ axes.T @ _fourier(len(axes)),
        features,
        ((at["memory_fast"], genres), (at["memory_slow"], genres)),
    )


def factors(task: Task) -> Space:
    """Items by public bias and factors, as ``ItemEmbeddingAction`` has them by itself, without content."""
    vectors = np.concatenate([task.public.item_bias[:, None], task.public.item_factors], axis=1)
    at, taste = task.layout.slices, slice(1, vectors.shape[1])
    profile = slice(at["profile"].start + 2, at["profile"].stop)  # behind mean and bias: the viewer's factors
    return Space(vectors, vectors, ((profile, taste), (at["taste"], taste)))


EMBEDDINGS: dict[str, Callable[[Task], Space]] = {"content": content, "factors": factors}


def _fourier(k: int) -> Array:
    """``(k, k)`` orthogonal: a constant row, then cosine and sine of every whole frequency, by rising frequency."""
    places, n = np.arange(k), (k + 1) // 2
    angles = 2 * np.pi * np.arange(1, n)[:, None] * places / k
    waves = np.stack([np.cos(angles), np.sin(angles)], axis=1).reshape(-1, k) * np.sqrt(2)
    last = [np.where(places % 2, -1.0, 1.0)] if k % 2 == 0 else []
    return np.array([np.ones(k), *waves, *last]) / np.sqrt(k)
