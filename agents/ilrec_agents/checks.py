"""Rules that settings keep, told of in one way."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection
from typing import Any

from ilrec_gym.errors import UsageError, unknown_name


def whole(config: Any, *names: str, least: int = 1) -> None:
    """Refuse settings that are not whole numbers of at least ``least``."""
    for name in names:
        value = getattr(config, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise UsageError(f"{name} must be a whole number, at least {least}", received=value)


def number(config: Any, *names: str, low: float = 0.0, high: float = math.inf, open_low: bool = False) -> None:
    """Refuse settings that are not finite numbers from ``low`` (itself left out where ``open_low``) to ``high``."""
    for name in names:
        value = getattr(config, name)
        if not _finite(value) or not low <= value <= high or (open_low and value == low):
            raise UsageError(f"{name} must be a {_range(low, high, open_low)}", received=value)


def flag(config: Any, *names: str) -> None:
    """Refuse settings that are neither True nor False: a word such as "false" would count as True."""
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, bool):
            raise UsageError(
                f"{name} must be True or False", received=value, cause="a word or a number in its place",
                fix="true or false on a command line, True or False in Python",
            )  # fmt: skip


def one_of(config: Any, name: str, known: Collection[str]) -> None:
    """Refuse a setting that names nothing known."""
    value = getattr(config, name)
    if not isinstance(value, str) or value not in known:
        raise unknown_name(name, value, known)


def _finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) <= sys.float_info.max  # False for nan, and for whole numbers that no float can hold


def _range(low: float, high: float, open_low: bool) -> str:
    least = "" if low == -math.inf else f" above {low:g}" if open_low else f" of at least {low:g}"
    most = "" if high == math.inf else f" at most {high:g}"
    return "number" + " and".join(part for part in (least, most) if part) if least or most else "finite number"
