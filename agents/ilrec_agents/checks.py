"""Rules that settings keep, told of in one way."""

from __future__ import annotations

import math
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
        there = not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(value)
        if not there or not low <= value <= high or (open_low and value == low):
            above = f"above {low:g}" if open_low else f"of at least {low:g}"
            most = f" and at most {high:g}" if high < math.inf else ""
            raise UsageError(f"{name} must be a number {above}{most}", received=value)


def one_of(config: Any, name: str, known: Collection[str]) -> None:
    """Refuse a setting that names nothing known."""
    if getattr(config, name) not in known:
        raise unknown_name(name, getattr(config, name), known)
