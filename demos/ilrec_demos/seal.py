"""Seals: a card's checksum of itself, so that a card that was changed is noticed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ilrec_gym.cards import card_path
from ilrec_gym.files import fingerprint, write_json

KEY = "seal"
_TIMES = ("created", "seconds")


def seal(card: Mapping[str, Any]) -> str:
    """The checksum of a card, but for times and the seal itself."""
    return fingerprint({key: value for key, value in card.items() if key not in (KEY, *_TIMES)})


def write_sealed(artefact: Path, card: Mapping[str, Any]) -> None:
    """Write the card of an artefact with its seal."""
    write_json(card_path(artefact), {**card, KEY: seal(card)})
