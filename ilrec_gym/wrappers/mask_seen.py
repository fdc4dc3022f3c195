"""Masks of what was seen: in the info, as sb3-contrib asks for them, and acting on the actions where wanted."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.errors import UsageError, unknown_name
from ilrec_gym.wrappers.item_embedding import public_vectors, scaled
from ilrec_gym.wrappers.nearest import Exact
from ilrec_gym.wrappers.parts import AnyEnv, has_masks, masks, n_actions

ON_SEEN = ("allow", "refuse", "replace")


class MaskSeen(gym.Wrapper[Any, np.int64, Any, np.int64], gym.utils.RecordConstructorArgs):
    """Puts ``action_mask`` (False for what was seen) into every info, and may act on actions that it forbids.

    The mask is what ``action_masks()`` of the environment says; where it has none, actions of this session are masked.
    Where everything has been seen nothing is refused or replaced.

    Args:
        env: An environment with actions ``Discrete(n)``.
        on_seen: What an action on a seen item does: ``"allow"``: it is played; ``"refuse"``: an error, and nothing is
            played; ``"replace"``: the nearest item that was not seen is played, and ``info["action"]`` says which.
        vectors: ``(n, k)`` what "nearest" means; None for the items' public vectors, or for the action's number where
            actions are not the items of a catalogue.

    Raises:
        UsageError: Other actions, an unknown ``on_seen``, or vectors that do not fit.
    """

    def __init__(self, env: AnyEnv, on_seen: str = "allow", vectors: ArrayLike | None = None) -> None:
        gym.utils.RecordConstructorArgs.__init__(self, on_seen=on_seen, vectors=vectors)
        super().__init__(env)
        if on_seen not in ON_SEEN:
            raise unknown_name("on_seen", on_seen, ON_SEEN)
        self.on_seen = on_seen
        n = n_actions(env, "MaskSeen")
        self._masked, self._taken = has_masks(env), np.zeros(n, np.bool_)
        if on_seen == "replace":
            self._vectors = scaled(_vectors(env, n) if vectors is None else vectors, n)
            self._nearest = Exact(self._vectors)

    def action_masks(self) -> NDArray[np.bool_]:
        """``(n,)`` bool, False for what was seen."""
        return masks(self.env) if self._masked else ~self._taken

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin a session."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._taken[:] = False
        return observation, info | {"action_mask": self.action_masks()}

    def step(self, action: np.int64) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Play an action, or what stands in for it.

        Raises:
            UsageError: It was seen, and ``on_seen="refuse"``.
        """
        played = self._played(action) if self.on_seen != "allow" else action
        observation, reward, terminated, truncated, info = self.env.step(played)
        self._taken[played] = True
        info = info | {"action_mask": self.action_masks()}
        if self.on_seen == "replace":
            info["action"] = int(played)
        return observation, reward, terminated, truncated, info

    def _played(self, action: np.int64) -> np.int64:
        allowed = self.action_masks()
        if not self.env.action_space.contains(action) or allowed[action] or not allowed.any():
            return action  # what lies outside the space is the environment's to refuse
        if self.on_seen == "replace":
            return np.int64(self._nearest(self._vectors[action], allowed))
        raise UsageError(
            "an action must be on an item that was not seen",
            received=int(action),
            cause="the viewer has seen it, in the profile or in this session",
            fix='choose where info["action_mask"] is True, or use on_seen="replace"',
        )


def _vectors(env: AnyEnv, n: int) -> NDArray[np.float64]:
    base = env.unwrapped
    if isinstance(base, MovieLensEnv) and base.setting.n_candidates is None:
        return public_vectors(base.scenario)
    return np.arange(float(n))[:, None]
