"""Cards against what they describe: checksums, and values key by key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ilrec_demos.cards import markdown_path
from ilrec_demos.seal import KEY, seal
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
    _check_sum(artefact, artefact.name, str(card["sha256"]), name, report)
    if card.get(KEY) != seal(card) and (KEY in card or "terms" in card):  # older cards and those of logs have none
        report.add(name, "the card was changed since it was written: its seal is another one")
    return card


def check_values(place: str, card: Mapping[str, Any], expected: Mapping[str, Any], report: Report) -> None:
    """Compare parts of a card with what they should be, and report every key that differs."""
    for key, value in expected.items():
        _compare(place, key, card.get(key), value, report)


def check_files(place: Path, artefact: Path, card: Mapping[str, Any], report: Report) -> None:
    """Checksums of the files beside the data, on the JSON card and on the page."""
    page, name = markdown_path(place), card_path(artefact).name
    files = card.get("files", {})
    if not isinstance(files, dict) or not all(isinstance(expected, str) for expected in files.values()):
        report.add(name, f"files is {files!r:.60}, not checksums by name")
        return
    for file, expected in files.items():
        _check_sum(page.parent / file, file, expected, name, report)
    if "terms" not in card and not page.is_file():
        return  # not one of the exports that have a page
    if page.is_file():
        _check_page(page, files | {artefact.relative_to(page.parent).as_posix(): card["sha256"]}, report)
    else:
        report.add(page.name, "missing")


def _check_page(page: Path, files: Mapping[str, str], report: Report) -> None:
    """The checksums that the page lists; whatever else stands there people may edit."""
    listed = dict(_SUM.findall(page.read_text(encoding="utf-8", errors="replace")))
    for name, expected in files.items():
        if name not in listed:
            report.add(page.name, f"the checksum of {name} is missing")
        elif listed[name] != expected:
            report.add(page.name, f"the checksum of {name} is {listed[name]:.12}…, on the JSON card {expected:.12}…")


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
