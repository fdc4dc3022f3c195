"""Cards: the JSON beside every artefact that says what made it, from what, with which seed and versions."""

from __future__ import annotations

import os
import platform
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from ilrec_gym.errors import ArtefactError
from ilrec_gym.files import read_json, sha256, write_json

FORMAT = 1
_PACKAGES = ("ilrec-gym", "gymnasium", "numpy", "torch", "d3rlpy", "stable-baselines3", "transformers")


def card_path(artefact: str | os.PathLike[str]) -> Path:
    """Where the card of an artefact lies: ``name.h5`` has ``name.h5.card.json``."""
    artefact = Path(artefact)
    return artefact.with_name(artefact.name + ".card.json")


def write_card(
    artefact: str | os.PathLike[str],
    *,
    kind: str,
    parameters: Mapping[str, Any],
    inputs: Mapping[str, str] | None = None,
    seed: int | None = None,
    seconds: float | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Write the card of a file that is finished, and return it.

    Args:
        artefact: The file; its SHA-256 goes into the card.
        kind: What it is, e.g. ``"demonstrations"``.
        parameters: Everything that decides its content besides ``inputs`` and ``seed``.
        inputs: SHA-256 (or another content hash) of what it was made from, by name.
        seed: The seed, where one was used.
        seconds: How long it took.
        more: Further facts: tokens, prompts, statistics.
    """
    card = {
        "format": FORMAT,
        "kind": kind,
        "parameters": dict(parameters),
        "inputs": dict(inputs or {}),
        "seed": seed,
        "sha256": sha256(artefact),
        "versions": versions(),
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": None if seconds is None else round(seconds, 3),
        **more,
    }
    write_json(card_path(artefact), card)
    return card


def read_card(artefact: str | os.PathLike[str], *, kind: str | None = None, verify: bool = True) -> dict[str, Any]:
    """Read the card of an artefact.

    Args:
        artefact: The file that the card belongs to.
        kind: What it has to be.
        verify: Whether to compare the file's SHA-256 with the card's.

    Raises:
        ArtefactError: No card, a card of another kind or format, or a file that changed since.
    """
    card = read_json(card_path(artefact))
    if not isinstance(card, dict) or not {"format", "kind", "parameters", "inputs", "sha256"} <= card.keys():
        raise ArtefactError(f"{card_path(artefact)} must be a card", cause="a damaged or foreign file")
    if card["format"] != FORMAT:
        raise ArtefactError(
            f"a card must have format {FORMAT}", received=card["format"], cause="another version of ilrec-gym wrote it"
        )
    if kind is not None and card["kind"] != kind:
        raise ArtefactError(
            f"{artefact} must be of kind {kind!r}", received=card["kind"], cause="a path that names another artefact"
        )
    if verify:
        found = sha256(artefact) if Path(artefact).is_file() else "no file"
        if found != card["sha256"]:
            raise ArtefactError(
                f"{artefact} must be the file that its card describes (sha256 {card['sha256'][:12]}…)",
                received=found,
                cause="the file was damaged or changed after it was written",
                fix="run the step that makes it again",
            )
    return card


def is_current(
    artefact: str | os.PathLike[str],
    *,
    kind: str,
    parameters: Mapping[str, Any],
    inputs: Mapping[str, str] | None = None,
    seed: int | None = None,
) -> bool:
    """Whether an artefact is there, whole, and made from just these parameters, inputs and seed."""
    try:
        card = read_card(artefact, kind=kind)
    except ArtefactError:
        return False
    return card["parameters"] == dict(parameters) and card["inputs"] == dict(inputs or {}) and card["seed"] == seed


def checksums(paths: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of files by name, as a card's inputs; a name that comes again is numbered: ``log.h5``, ``log.h5 (2)``."""
    found, seen = dict[str, str](), Counter[str]()
    for path in paths:
        seen[path.name] += 1
        again = f" ({seen[path.name]})" if seen[path.name] > 1 else ""
        found[path.name + again] = sha256(path)
    return found


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide results, as far as they are installed."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
