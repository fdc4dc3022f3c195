"""A whole-catalogue environment in which a retriever offers n items per step, and the action picks one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.envs.observation import Layout, Observer
from ilrec_gym.envs.retriever import Retriever
from ilrec_gym.errors import UsageError
from ilrec_gym.wrappers.parts import AnyEnv, masks, whole_catalogue

Offer = Callable[[NDArray[np.float32], dict[str, Any]], NDArray[np.integer]]
"""(observation ``(d,)``, info) -> ``(n,)`` different item indices, best first."""


class Candidates(gym.Wrapper[Any, np.int64, Any, np.int64], gym.utils.RecordConstructorArgs):
    """Offers what any retriever finds. With the default one it plays as ``ilrec/MovieLens-Candidates-v0`` does.

    That environment is the faster form, and the one that :func:`~ilrec_gym.evaluation.evaluate` plays; this wrapper is
    for retrievers of one's own, and for environments that other wrappers have changed. The observation gets the same
    last part, ``candidates``, the info the same key, and ``action_masks()`` is over places.

    Args:
        env: An environment whose actions are the items of its catalogue, with flat observations.
        retriever: Called after every step, also the last one; None for the public retriever of
            ``ilrec/MovieLens-Candidates-v0``.
        n: How many items it offers.

    Raises:
        UsageError: Another environment, or an ``n`` that the catalogue does not hold.
    """

    def __init__(self, env: AnyEnv, retriever: Offer | None = None, n: int = 20) -> None:
        gym.utils.RecordConstructorArgs.__init__(self, retriever=retriever, n=n)
        super().__init__(env)
        base = whole_catalogue(env, "Candidates")
        self._size = len(base.scenario.catalogue)
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 1 <= n <= self._size:
            raise UsageError(f"n must be a whole number between 1 and the catalogue's size {self._size}", received=n)
        if env.observation_space != base.layout.space():
            raise UsageError(
                "Candidates needs flat observations as the environment gives them",
                received=env.observation_space,
                cause='observation="dict", or a wrapper that changes observations',
                fix="put Candidates under that wrapper",
            )
        self.n, self.retriever = int(n), retriever or PublicRetriever(base, int(n))
        self.layout = Layout.of(base.scenario, self.n)
        self.observation_space, self.action_space = self.layout.space(), spaces.Discrete(self.n)
        self._public, self._observer = base.scenario.public, Observer(base.scenario, self.layout)
        self._buffer = np.zeros((1, self.layout.size), np.float32)
        self._offered = np.zeros(self.n, np.int64)

    def action_masks(self) -> NDArray[np.bool_]:
        """``(n,)`` bool, False for an offered item that the viewer has seen."""
        return masks(self.env)[self._offered]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin a session, and offer items for its first step."""
        return self._with_offer(*self.env.reset(seed=seed, options=options))

    def step(self, action: np.int64) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Show one of the items on offer.

        Raises:
            UsageError: The action is outside the space, or the retriever's answer is no offer.
        """
        if not self.action_space.contains(action):
            raise UsageError(f"an action must lie in {self.action_space}", received=action, cause="an item's index")
        observation, reward, terminated, truncated, info = self.env.step(np.int64(self._offered[action]))
        observation, info = self._with_offer(observation, info)
        return observation, reward, terminated, truncated, info

    def _with_offer(self, observation: NDArray[np.float32], info: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        self._offered = self._checked(self.retriever(observation, info))
        row, user, offered = np.zeros(1, np.int64), np.array([info["user_index"]]), self._offered[None]
        self._buffer[0, : len(observation)] = observation
        self._observer.offer(self._buffer, row, offered, self._public.predict_some(user, offered))
        info = info | {"candidates": self._offered.copy()}
        if "action_mask" in info:
            info["action_mask"] = info["action_mask"][self._offered]
        return self._buffer[0].copy(), info

    def _checked(self, offered: Any) -> NDArray[np.int64]:
        offered = np.asarray(offered)
        good = offered.shape == (self.n,) and offered.dtype.kind in "iu" and len(set(offered.tolist())) == self.n
        if not good or offered.min() < 0 or offered.max() >= self._size:
            raise UsageError(
                f"a retriever must offer {self.n} different indices of the catalogue's {self._size} items",
                received=offered,
                cause="item ids in place of indices, a repeat, or too few items",
            )
        return offered.astype(np.int64)


class PublicRetriever:
    """The retriever of ``ilrec/MovieLens-Candidates-v0``, for one session.

    Args:
        env: Whose sessions it offers items to.
        n: How many.
    """

    def __init__(self, env: MovieLensEnv, n: int) -> None:
        self._env, self._retriever = env, Retriever(env.scenario, n)

    def __call__(self, observation: NDArray[np.float32], info: dict[str, Any]) -> NDArray[np.int64]:
        """``(n,)`` item indices: by predicted rating minus similarity to what was shown."""
        memory = self._env.layout.part(observation[None], "memory_fast")
        users = np.array([info["user_index"]])
        offered: NDArray[np.int64] = self._retriever.offer(users, memory, self._env.sessions.seen())[0]
        return offered
