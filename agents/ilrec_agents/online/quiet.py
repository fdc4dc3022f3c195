"""The one door to stable-baselines3 and sb3-contrib: they import the old gym where that is there, with a notice."""

from __future__ import annotations

import contextlib
import io
from types import ModuleType

from ilrec_gym.errors import require


def import_sb3() -> ModuleType:
    """Import stable-baselines3 without a word on stderr.

    Raises:
        MissingExtraError: The extra "online" is not installed.
    """
    with contextlib.redirect_stderr(io.StringIO()):
        return require("stable_baselines3", "online")


def import_contrib() -> ModuleType:
    """Import sb3-contrib without a word on stderr.

    Raises:
        MissingExtraError: The extra "online" is not installed.
    """
    with contextlib.redirect_stderr(io.StringIO()):
        return require("sb3_contrib", "online")
