"""Exporting: a journal becomes a dataset that d3rlpy opens, with a card, and a transcript that people read."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import gymnasium as gym

from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.offline.hdf5 import write_hdf5
from ilrec_demos.journal import Journal
from ilrec_demos.replay import environment_of, replay
from ilrec_demos.transcript import FIRST, Transcript
from ilrec_gym.files import replacing, sha256


def export(
    journal: Journal | str | os.PathLike[str],
    target: str | os.PathLike[str],
    env: gym.Env[Any, Any] | None = None,
    *,
    batch_size: int = 512,
    partial: bool = False,
    transcript: int | None = FIRST,
) -> SessionDataset:
    """Write a journal as ``target`` (HDF5), ``target.card.json``, and a Markdown transcript beside them.

    Args:
        journal: A finished journal, or its folder.
        target: The HDF5 file, usually ``name.h5``; the transcript is ``name.transcript.md``.
        env: The environment that it was played in; None makes it from the journal's header.
        batch_size: How many sessions are replayed side by side.
        partial: Whether the journal may be unfinished.
        transcript: How many sessions the transcript shows; None for all, 0 for no transcript.

    Returns:
        The dataset.

    Raises:
        ArtefactError: Another environment, or a journal that was damaged.
        UsageError: The journal is not finished, or has no environment spec and ``env`` is None.
        StorageError: No space or no permission; nothing is left half-written.
        MissingExtraError: The extra "offline" is not installed.
    """
    start = time.perf_counter()
    journal = journal if isinstance(journal, Journal) else Journal.read(journal)
    base = environment_of(journal.header, env)
    dataset = replay(journal, base, batch_size=batch_size, partial=partial)
    if transcript != 0:
        with replacing(transcript_path(target)) as draft:
            draft.write_text(Transcript(base.scenario).journal(journal, transcript), encoding="utf-8")
    write_hdf5(
        dataset,
        target,
        parameters=parameters_of(journal),
        inputs={"sessions": sha256(journal.sessions_path)},
        seed=journal.header.seed,
        seconds=time.perf_counter() - start,
        journal=journal.statistics(),
        tokens=_tokens(journal),
        agent=journal.header.agent,
    )
    return dataset


def parameters_of(journal: Journal) -> dict[str, Any]:
    """What decides an export besides the sessions, for its card."""
    return {"agent": journal.header.agent["name"], "sessions": len(journal.sessions), "split": journal.header.split}


def transcript_path(target: str | os.PathLike[str]) -> Path:
    """Where the transcript of an export lies: ``name.h5`` has ``name.transcript.md``."""
    return Path(target).with_suffix(".transcript.md")


def _tokens(journal: Journal) -> int | None:
    counts = [session.tokens for session in journal.sessions if session.tokens is not None]
    return sum(counts) if counts else None
