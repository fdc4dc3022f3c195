"""Descriptions of environments: what decides sessions there, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def differing(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """The keys in which two descriptions differ, in order."""
    return sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """The same with commas between; "" where they are equal."""
    return ", ".join(differing(ours, theirs))
