"""The one entrance: find out what lies at a path, and look at all of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import gymnasium as gym

from ilrec_agents.offline.minari_format import MAIN, METADATA
from ilrec_demos.header import NAME
from ilrec_demos.jsonl import SESSIONS, STEPS
from ilrec_demos.validation.arrays import check_arrays
from ilrec_demos.validation.findings import Report
from ilrec_demos.validation.journals import check_journal
from ilrec_demos.validation.lines import check_lines
from ilrec_gym.cards import card_path
from ilrec_gym.errors import ArtefactError


def validate(
    path: str | os.PathLike[str], env: gym.Env[Any, Any] | None = None, *, partial: bool = False, replay: bool = True
) -> Report:
    """Look for damage and inconsistencies; nothing is changed.

    Looked at are checksums, torn lines, sessions that are doubled or missing, cards against content, and every step:
    whether the action was on offer and not masked, the propensity in (0, 1], the trace well typed, and whether the
    environment gives the same viewers, offers, ratings and ends when the sessions are played again.

    Args:
        path: A journal's folder, an HDF5 file of d3rlpy's layout, a Minari dataset's folder, or one of JSON Lines.
        env: The environment of the sessions; None makes it from what the journal or the card says.
        partial: Whether a journal may be unfinished.
        replay: Whether to play the sessions again.

    Returns:
        What was found.

    Raises:
        ArtefactError: There is nothing, or nothing known, at this path.
        DataError: The data set of the sessions is not at hand, so they cannot be played again.
    """
    path = Path(path)
    kind = kind_of(path)
    report = Report(kind)
    if kind == "journal":
        check_journal(path, report, env, partial=partial, replay=replay)
    elif kind == "jsonl":
        check_lines(path, report, env, replay=replay)
    else:
        check_arrays(path, report, env, replay=replay)
    return report


def kind_of(path: Path) -> str:
    """What lies at a path: "journal", "d3rlpy", "minari" or "jsonl".

    Raises:
        ArtefactError: Nothing, or nothing known.
    """
    if path.is_file() or card_path(path).is_file():
        return "d3rlpy"
    if (path / STEPS).exists() or card_path(path / STEPS).exists():
        return "jsonl"
    if (path / NAME).exists() or (path / SESSIONS).exists():
        return "journal"
    if (path / MAIN).exists() or (path / METADATA).exists():
        return "minari"
    raise ArtefactError(
        f"{path} must be a journal's folder or an exported dataset",
        received="a folder with neither" if path.is_dir() else "no file or folder",
        cause="a wrong path",
        fix="a folder of ilrec demos collect, or what ilrec demos export wrote",
    )
