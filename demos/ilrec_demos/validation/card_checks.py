"""Cards against what they describe: checksums, and values key by key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ilrec_demos.cards import markdown_path
from ilrec_demos.validation.findings import Report
from ilrec_gym.cards import card_path, read_card
from ilrec_gym.errors import ArtefactError
from ilrec_gym.files import sha256

_CLOSE = 1e-5
_SUM = re.compile(r"^\| `([^`]+)` \| `([0-9a-f]{64})` \|$", re.MULTILINE)


def check_card(artefact: Path, kind: str, report: Report) -> dict[str, Any] | None:
    """The card of a file, with a finding where it is missing, damaged, or has another checksum; None without one."""
    name = card_path(artefact).name
    try:
        card = read_card(artefact, kind=kind, verify=False)
    except ArtefactError as error:
        report.add(name, error.args[0])
        return None
    found = sha256(artefact) if artefact.is_file() else "no file"
    if found != card["sha256"]:
        report.add(artefact.name, f"checksum {found:.12}… in place of {card['sha256']:.12}… on its card: changed since")
    return card


def check_values(place: str, card: Mapping[str, Any], expected: Mapping[str, Any], report: Report) -> None:
    """Compare parts of a card with what they should be, and report every key that differs."""
    for key, value in expected.items():
        _compare(place, key, card.get(key), value, report)


def check_files(place: Path, artefact: Path, card: Mapping[str, Any], report: Report) -> None:
    """Checksums of the files beside the data, on the JSON card and on the page."""
    page = markdown_path(place)
    files = card.get("files", {})
    for name, expected in files.items() if isinstance(files, dict) else ():
        _check_sum(page.parent / name, name, expected, card_path(artefact).name, report)
    if not page.is_file():
        if "terms" in card:  # cards of this project's exports have a page
            report.add(page.name, "missing")
        return
    listed = dict(_SUM.findall(page.read_text(encoding="utf-8", errors="replace")))
    own = artefact.relative_to(page.parent).as_posix()
    for name, expected in (files | {own: card["sha256"]}).items():
        if listed.get(name) != expected:
            report.add(
                page.name, f"checksum of {name} is {str(listed.get(name)):.12}…, on the JSON card {expected:.12}…"
            )


def _check_sum(path: Path, name: str, expected: str, card: str, report: Report) -> None:
    if not path.is_file():
        report.add(name, f"missing, although {card} lists it")
    elif (found := sha256(path)) != expected:
        report.add(name, f"checksum {found:.12}… in place of {expected:.12}… on {card}: changed since")


def _compare(place: str, key: str, found: Any, expected: Any, report: Report) -> None:
    if isinstance(found, dict) and isinstance(expected, dict):
        for name in dict.fromkeys([*expected, *found]):
            _compare(place, f"{key}.{name}", found.get(name), expected.get(name), report)
    elif not _same(found, expected):
        report.add(place, f"{key} is {found!r:.80}, but the content says {expected!r:.80}")


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) or isinstance(other, float):
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
        return numbers and abs(one - other) <= _CLOSE * max(1.0, abs(other))
    if isinstance(one, list) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
