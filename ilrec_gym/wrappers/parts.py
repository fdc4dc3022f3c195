"""What wrappers ask of the environment under them, with errors that say what is missing."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.errors import UsageError

AnyEnv = gym.Env[Any, Any]


def ours(env: AnyEnv, wrapper: str) -> MovieLensEnv:
    """The environment of this project under all wrappers.

    Raises:
        UsageError: Another package's environment.
    """
    base = env.unwrapped
    if not isinstance(base, MovieLensEnv):
        raise UsageError(
            f"{wrapper} needs an environment of ilrec_gym, for its catalogue",
            received=env,
            cause="another package's environment",
        )
    return base


def whole_catalogue(env: AnyEnv, wrapper: str) -> MovieLensEnv:
    """The environment of this project under all wrappers, whose actions are the items of its catalogue.

    Raises:
        UsageError: Another package's environment, or other actions.
    """
    base = ours(env, wrapper)
    n = len(base.scenario.catalogue)
    if base.setting.n_candidates is not None or env.action_space != spaces.Discrete(n):
        raise UsageError(
            f"{wrapper} needs an environment whose actions are the {n} items of its catalogue",
            received=env.action_space,
            cause="a candidates environment, slates, or a wrapper that changes actions",
            fix='wrap gym.make("ilrec/MovieLens-v0")',
        )
    return base


def n_actions(env: AnyEnv, wrapper: str) -> int:
    """How many actions there are.

    Raises:
        UsageError: The actions are no ``Discrete`` from 0.
    """
    space = env.action_space
    if not isinstance(space, spaces.Discrete) or space.start != 0:
        raise UsageError(f"{wrapper} needs actions of Discrete(n)", received=space)
    return int(space.n)


def has_masks(env: AnyEnv) -> bool:
    """Whether the environment, or a wrapper of it, has ``action_masks()``."""
    return env.has_wrapper_attr("action_masks")


def masks(env: AnyEnv) -> NDArray[np.bool_]:
    """``(n_actions,)`` what ``action_masks()`` says, in the environment or the outermost wrapper that has it."""
    return np.asarray(env.get_wrapper_attr("action_masks")(), np.bool_)
