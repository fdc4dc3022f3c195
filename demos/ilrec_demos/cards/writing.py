"""Completing an exported dataset: the picture, checksums of all files in the JSON card, and the card as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ilrec_agents.benchmark.report import style
from ilrec_demos.cards.markdown import card_text
from ilrec_demos.cards.picture import picture
from ilrec_demos.journal import Session
from ilrec_demos.places import artefact_of, beside, files_of
from ilrec_demos.seal import write_sealed
from ilrec_gym.cards import card_path, read_card
from ilrec_gym.errors import MissingExtraError
from ilrec_gym.files import replacing, sha256


def complete(place: Path, sessions: Sequence[Session]) -> Path:
    """Draw the picture, add the checksums of what lies beside the data to its card, and write the Markdown card.

    Without matplotlib (the extra "report") there is no picture.

    Args:
        place: The dataset's file or folder, with its data, JSON card and transcript in it.
        sessions: What it holds.

    Returns:
        The Markdown card.

    Raises:
        StorageError: No space or no permission.
    """
    drawn = picture_path(place)
    drawn.unlink(missing_ok=True)
    with suppress(MissingExtraError):
        style.save_png(picture(sessions), drawn)
    artefact, page = artefact_of(place), markdown_path(place)
    card = read_card(artefact, verify=False)
    root = page.parent
    held = [path for path in files_of(place) if path not in (page, card_path(artefact))]
    sums = {path.relative_to(root).as_posix(): sha256(path) for path in held}
    card["files"] = {name: sums[name] for name in sums if root / name != artefact}
    write_sealed(artefact, card)
    with replacing(page) as draft:
        shown = drawn.name if drawn.exists() else None
        draft.write_text(card_text(card, place.name, sums, shown), encoding="utf-8")
    return page


def markdown_path(place: Path) -> Path:
    """Where the Markdown card lies: ``name.h5`` has ``name.card.md``, a folder ``README.md`` in it."""
    return beside(place, "card.md", "README.md")


def picture_path(place: Path) -> Path:
    """Where the picture lies: ``name.h5`` has ``name.card.png``, a folder ``statistics.png`` in it."""
    return beside(place, "card.png", "statistics.png")
