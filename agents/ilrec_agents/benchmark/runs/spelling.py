"""Agents and environments as they are written on a command line."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from ilrec_gym.errors import UsageError, unknown_name


def dataset_and_settings(rest: str, text: str) -> tuple[str, dict[str, Any]]:
    """What follows an agent's name: ``DATASET``, ``KEY=VALUE``, or both, with commas between; values are JSON or words.

    Raises:
        UsageError: A part that is neither, or a key that comes twice.
    """
    first, *more = parts = [part.strip() for part in rest.split(",")]
    data, settings = ("", parts) if "=" in first else (first, more)
    pairs = [part.partition("=") for part in settings]
    names = [name for name, _, _ in pairs]
    if (not data and not settings) or not all(name and sign and value for name, sign, value in pairs):
        raise UsageError(
            "--agents takes NAME, NAME:DATASET, NAME:KEY=VALUE,... or NAME:DATASET,KEY=VALUE,...", received=text,
            fix="e.g. cql:mixed,alpha=4, or JSON where values have commas",
        )  # fmt: skip
    if len(set(names)) < len(names):
        raise UsageError("a setting may be given once", received=text)
    return data, {name: _value(value) for name, _, value in pairs}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def words(text: str, flag: str, cls: type[Any]) -> dict[str, Any]:
    """The object that JSON text holds, with no other keys than the class has attributes."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{flag} must be a name or JSON", received=text, cause=str(error)) from error
    known = [field.name for field in fields(cls)]
    for key in found:
        if key not in known:
            raise unknown_name(f"a key of {flag}", key, known)
    required = known[0]
    if required not in found:
        raise UsageError(f"{flag} must have the key {required!r}", received=text)
    return dict(found)
