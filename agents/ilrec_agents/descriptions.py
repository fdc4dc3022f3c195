"""Descriptions of environments: what decides sessions there, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """The keys in which two descriptions differ, in order, with commas between; "" where they are equal."""
    return ", ".join(sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)))
