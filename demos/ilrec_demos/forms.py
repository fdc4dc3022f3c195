"""The forms in which sessions are written: d3rlpy's HDF5, or Minari's folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from gymnasium import spaces

from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.offline.hdf5 import write_hdf5
from ilrec_agents.offline.minari_format import dataset_id, write_minari
from ilrec_gym.errors import UsageError, unknown_name

FORMS = ("d3rlpy", "minari")
"""Of any sessions: arrays."""
EXPORTS = (*FORMS, "jsonl")
"""Of a journal, which has words too."""


def write_dataset(
    dataset: SessionDataset,
    target: str | os.PathLike[str],
    *,
    form: str,
    name: str | None,
    parts: tuple[str, ...],
    observation_space: spaces.Box,
    algorithm: str,
    description: str,
    seeds: list[int] | None = None,
    **facts: Any,
) -> Path:
    """Write a dataset with its card.

    Args:
        dataset: What to write.
        target: The HDF5 file, or the folder of all Minari datasets.
        form: One of :data:`FORMS`.
        name: The id of the Minari dataset; None makes one of ``parts``.
        parts: Words for that.
        observation_space: Of the flat observation.
        algorithm: Who chose the actions.
        description: What the sessions are, in words.
        seeds: Each session's seed for ``reset``; Minari keeps them.
        facts: For the card.

    Returns:
        The file, or the dataset's folder.

    Raises:
        UnknownNameError: No such form.
        UsageError: A name for a form that has none.
    """
    checked_form(form, name)
    if form == "d3rlpy":
        write_hdf5(dataset, target, **facts)
        return Path(target)
    return write_minari(
        dataset, target, name or dataset_id(*parts), observation_space=observation_space, algorithm=algorithm,
        description=description, seeds=seeds, **facts,
    )  # fmt: skip


def checked_form(form: str, name: str | None, forms: tuple[str, ...] = FORMS) -> None:
    """See that there is such a form among ``forms``, and that only a Minari dataset is given an id.

    Raises:
        UnknownNameError: No such form.
        UsageError: A name for a form that has none.
    """
    if form not in forms:
        raise unknown_name("format", form, forms)
    if name is not None and form != "minari":
        raise UsageError("only a Minari dataset has an id", received=name, fix="--format minari")
