"""Where the parts of an exported dataset lie: one file with others beside it, or a folder."""

from __future__ import annotations

import os
from pathlib import Path

from ilrec_agents.offline.minari_format import MAIN, METADATA
from ilrec_demos.jsonl import SESSIONS, STEPS
from ilrec_gym.cards import card_path


def artefact_of(place: str | os.PathLike[str]) -> Path:
    """The file that the JSON card belongs to."""
    place = Path(place)
    if not place.is_dir():
        return place
    return place / (STEPS if (place / STEPS).exists() or card_path(place / STEPS).exists() else MAIN)


def beside(place: str | os.PathLike[str], suffix: str, name: str) -> Path:
    """``name.h5`` has ``name.SUFFIX`` beside it, a folder has ``NAME`` in it."""
    place = Path(place)
    return place / name if place.is_dir() else place.with_suffix(f".{suffix}")


def transcript_path(place: str | os.PathLike[str]) -> Path:
    """Where the transcript lies: ``name.h5`` has ``name.transcript.md``, a folder ``transcript.md`` in it."""
    return beside(place, "transcript.md", "transcript.md")


def files_of(place: str | os.PathLike[str]) -> list[Path]:
    """Every file of a dataset that is there, and none besides, in a fixed order."""
    place = Path(place)
    if place.is_dir():
        data = [place / name for name in (STEPS, SESSIONS, MAIN, METADATA)]
        others = [place / name for name in ("README.md", "statistics.png", "transcript.md")]
    else:
        data = [place]
        others = [place.with_suffix(f".{suffix}") for suffix in ("card.md", "card.png", "transcript.md")]
    return [path for path in [*data, card_path(artefact_of(place)), *others] if path.is_file()]
