"""A continuous action is a place among the items' vectors: the nearest item that was not seen is shown."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from ilrec_gym.errors import UsageError
from ilrec_gym.simulation.scenario import Scenario
from ilrec_gym.wrappers.nearest import Vectors, nearest_item
from ilrec_gym.wrappers.parts import AnyEnv, has_masks, masks, n_actions, ours

SPREADS = 2.5
"""Where the box ends, in standard deviations of the items. Fewer leave far items out of reach; with more, most of the
box lies beyond the items, and few of them get most actions."""


class ItemEmbeddingAction(gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """Maps an action in ``Box(-1, 1, (k,))`` to the nearest item, so that continuous algorithms play any catalogue.

    The first step of Wolpertinger (Dulac-Arnold et al. 2015, arXiv 1512.07679). Vectors are centred and scaled per
    dimension, so that -1 and 1 lie 2.5 standard deviations from the mean item. Items that the environment's
    ``action_masks()`` forbids (here: those the viewer has seen) are left out as long as there are others.

    Args:
        env: An environment with actions ``Discrete(n)``.
        vectors: ``(n, k)`` finite numbers, a row for each action; None for :func:`public_vectors`.
        search: ``"exact"``, or ``"approximate"`` for catalogues of hundreds of thousands (the extra "search").

    Raises:
        UsageError: Vectors of another shape, not finite, or all alike in a dimension; or an unknown search.
    """

    def __init__(self, env: AnyEnv, vectors: ArrayLike | None = None, search: str = "exact") -> None:
        gym.utils.RecordConstructorArgs.__init__(self, vectors=vectors, search=search)
        super().__init__(env)
        n = n_actions(env, "ItemEmbeddingAction")
        given = _public(env, n) if vectors is None else vectors
        self.vectors = scaled(given, n)
        self.action_space = spaces.Box(-1.0, 1.0, self.vectors.shape[1:], np.float32)
        self._nearest = nearest_item(self.vectors, search)
        self._masked, self._all = has_masks(env), np.ones(n, np.bool_)

    def item_of(self, action: ArrayLike) -> int:
        """The item that an action stands for now.

        Raises:
            UsageError: The action has another shape, or is not finite.
        """
        point = np.asarray(action, np.float32)
        if point.shape != self.action_space.shape or not np.isfinite(point).all():
            raise UsageError(f"an action must be {len(self.vectors[0])} finite numbers", received=action)
        allowed = masks(self.env) if self._masked else self._all
        return self._nearest(point, allowed if allowed.any() else self._all)

    def step(self, action: NDArray[np.float32]) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Show the nearest item."""
        return self.env.step(np.int64(self.item_of(action)))


def public_vectors(scenario: Scenario) -> NDArray[np.float64]:
    """``(I, 1 + k)`` each item's public bias and factors: how good it is for everybody, and for whom."""
    return np.concatenate([scenario.public.item_bias[:, None], scenario.public.item_factors], axis=1)


def _public(env: AnyEnv, n: int) -> NDArray[np.float64]:
    vectors = public_vectors(ours(env, "ItemEmbeddingAction without vectors").scenario)
    if len(vectors) != n:
        raise UsageError(
            f"without vectors, actions must be the {len(vectors)} items of the catalogue",
            received=env.action_space,
            cause="a candidates environment: its actions are places, whose items differ from step to step",
            fix='wrap gym.make("ilrec/MovieLens-v0"), or give vectors',
        )
    return vectors


def scaled(vectors: ArrayLike, n: int) -> Vectors:
    """``(n, k)`` float32 vectors, centred, with 1 at :data:`SPREADS` standard deviations.

    Raises:
        UsageError: Another shape, numbers that are not finite, or a dimension in which all are alike.
    """
    given = np.asarray(vectors, np.float64)
    if given.ndim != 2 or len(given) != n or not given.size or not np.isfinite(given).all():
        raise UsageError(f"vectors must be ({n}, k) finite numbers, one row for each action", received=given.shape)
    spread = given.std(axis=0)
    if not (spread > 0).all():
        raise UsageError(
            "vectors must differ in every dimension", received=f"column {int((spread <= 0).argmax())} is constant"
        )
    return np.ascontiguousarray((given - given.mean(axis=0)) / (SPREADS * spread), np.float32)
