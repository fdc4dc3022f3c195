"""Exporting: a journal becomes a dataset for d3rlpy, Minari or readers of JSON Lines, with cards and a transcript."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import gymnasium as gym

from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.offline.hdf5 import RATING, facts_of
from ilrec_demos.cards import complete, facts_of_journal
from ilrec_demos.forms import EXPORTS, checked_form, write_dataset
from ilrec_demos.journal import Journal
from ilrec_demos.jsonl import write_jsonl
from ilrec_demos.places import transcript_path
from ilrec_demos.replay import environment_of, replay
from ilrec_demos.transcript import FIRST, Transcript
from ilrec_gym.errors import UsageError
from ilrec_gym.files import replacing, sha256

__all__ = ["export", "parameters_of", "transcript_path"]


def export(
    journal: Journal | str | os.PathLike[str],
    target: str | os.PathLike[str],
    env: gym.Env[Any, Any] | None = None,
    *,
    batch_size: int = 512,
    partial: bool = False,
    transcript: int | None = FIRST,
    form: str = "d3rlpy",
    name: str | None = None,
) -> tuple[SessionDataset, Path]:
    """Write a journal as a dataset with its cards (JSON, Markdown, a picture), and a Markdown transcript beside them.

    Args:
        journal: A finished journal, or its folder.
        target: The HDF5 file, usually ``name.h5``; ``name.transcript.md``, ``name.card.md`` and ``name.card.png`` lie
            beside it. For Minari the folder that ``MINARI_DATASETS_PATH`` names, for JSON Lines a folder of its own:
            what belongs to the dataset lies in its own folder there.
        env: The environment that it was played in; None makes it from the journal's header.
        batch_size: How many sessions are replayed side by side.
        partial: Whether the journal may be unfinished.
        transcript: How many sessions the transcript shows; None for all, 0 for no transcript.
        form: ``"d3rlpy"``, ``"minari"`` or ``"jsonl"``.
        name: The id of the Minari dataset; by default ``ilrec/DATASET/AGENT-v0``.

    Returns:
        The dataset, and the file or folder that holds it.

    Raises:
        ArtefactError: Another environment, or a journal that was damaged.
        UsageError: The journal is not finished, or has no environment spec and ``env`` is None; or fewer than no
            sessions in the transcript.
        StorageError: No space or no permission; nothing is left half-written.
        MissingExtraError: The extra "offline", or "minari", is not installed.
    """
    start = time.perf_counter()
    checked_form(form, name, EXPORTS)
    if transcript is not None and transcript < 0:
        raise UsageError("transcript must be a whole number of sessions, at least 0", received=transcript)
    journal = journal if isinstance(journal, Journal) else Journal.read(journal)
    base, header = environment_of(journal.header, env), journal.header
    dataset = replay(journal, base, batch_size=batch_size, partial=partial)
    facts = facts_of_journal(journal) | {
        "parameters": parameters_of(journal),
        "inputs": {"sessions": sha256(journal.sessions_path)},
        "seed": header.seed,
        "seconds": time.perf_counter() - start,
        "tokens": _tokens(journal),
    }
    if form == "jsonl":
        place = write_jsonl(journal.sessions, target, **facts_of(dataset, RATING, layout="JSON Lines"), **facts)
    else:
        place = write_dataset(
            dataset, target, form=form, name=name, parts=(base.scenario.name, header.agent["name"]),
            observation_space=base.layout.space(),
            algorithm=header.agent["name"],
            description=f"Sessions with simulated viewers of {base.scenario.name}, split {header.split}.",
            seeds=[session.seed for session in journal.sessions],
            **facts,
        )  # fmt: skip
    transcript_path(place).unlink(missing_ok=True)
    if transcript != 0:
        with replacing(transcript_path(place)) as draft:
            draft.write_text(Transcript(base.scenario).journal(journal, transcript), encoding="utf-8")
    complete(place, journal.sessions)
    return dataset, place


def parameters_of(journal: Journal) -> dict[str, Any]:
    """What decides an export besides the sessions, for its card."""
    return {"agent": journal.header.agent["name"], "sessions": len(journal.sessions), "split": journal.header.split}


def _tokens(journal: Journal) -> int | None:
    counts = [session.tokens for session in journal.sessions if session.tokens is not None]
    return sum(counts) if counts else None
