"""Datasets as HDF5 in d3rlpy's own layout, and what that layout has no place for beside it.

At the root lie ``columns``, ``num_episodes``, ``version`` and, for episode i, ``observations_i``, ``actions_i``,
``rewards_i`` and ``terminated_i``: what d3rlpy reads. The group ``ilrec``, which d3rlpy does not look at, holds the
last observation of every session and the extras.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.offline.episodes import DatasetTask, Episode, SessionDataset, closed
from ilrec_gym.cards import read_card, write_card
from ilrec_gym.errors import ArtefactError, UsageError, require
from ilrec_gym.files import replacing

KIND = "dataset"
COLUMNS = ("observations", "actions", "rewards", "terminated")
LAYOUT_VERSION = "2.1"
"""Of d3rlpy's layout."""
RATING = "the rating that the viewer gives, on the data set's scale"
CLOSING_ROW = (
    "a session that was cut at its horizon ends in one closing row (last observation, action 0, reward 0), "
    "because d3rlpy drops the last row of such a session; read_hdf5() takes it off"
)


def write_hdf5(
    dataset: SessionDataset,
    path: str | os.PathLike[str],
    *,
    parameters: Mapping[str, Any] | None = None,
    inputs: Mapping[str, str] | None = None,
    seed: int | None = None,
    seconds: float | None = None,
    reward: str = RATING,
    **more: Any,
) -> dict[str, Any]:
    """Write a dataset and its card. The same dataset gives the same bytes.

    Args:
        dataset: What to write.
        path: The file, usually ``name.h5``; the card lies beside it.
        parameters: What decided the dataset's content, for the card.
        inputs: Checksums of what it was made from, for the card.
        seed: The seed, for the card.
        seconds: How long it took, for the card.
        reward: What the rewards are, in words.
        more: Further facts for the card.

    Returns:
        The card.

    Raises:
        StorageError: No space or no permission; nothing is left behind.
        MissingExtraError: The extra "offline" is not installed.
    """
    h5py = require("h5py", "offline")
    # Made in memory, because the HDF5 library crashes the process when the disk is full (seen with HDF5 2.0).
    content = io.BytesIO()
    with h5py.File(content, "w", libver="v110") as file:
        _write(file, dataset)
    with replacing(path) as draft:
        draft.write_bytes(content.getbuffer())
    layout = {
        "layout": f"d3rlpy {LAYOUT_VERSION}",
        "closing_rows": sum(not episode.terminated for episode in dataset.episodes),
        "closing_row": CLOSING_ROW,
    }
    facts = facts_of(dataset, reward, **layout)
    return write_card(
        path, kind=KIND, parameters=parameters or {}, inputs=inputs, seed=seed, seconds=seconds, **facts, **more
    )


def read_hdf5(path: str | os.PathLike[str], *, verify: bool = True) -> SessionDataset:
    """Read what :func:`write_hdf5` wrote.

    Args:
        path: The HDF5 file; its card has to lie beside it.
        verify: Whether to compare the file's checksum with the card's.

    Raises:
        ArtefactError: The file or its card is missing, damaged, or of another kind.
        MissingExtraError: The extra "offline" is not installed.
    """
    h5py = require("h5py", "offline")
    card = read_card(path, kind=KIND, verify=verify)
    try:
        facts, task = card["dataset"], DatasetTask(card["task"]["description"], card["task"]["env_spec"])
        shape = {"n_actions": int(facts["action_size"]), "observation_dim": int(facts["observation_shape"][0])}
        wanted = int(facts["episodes"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ArtefactError(
            f"the card of {path} must describe a dataset", received=repr(error), cause="a damaged card"
        ) from error
    try:
        with h5py.File(path, "r") as file:
            dataset = SessionDataset(tuple(_read(file)), **shape, task=task)
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:  # h5py's and ours
        raise ArtefactError(
            f"{path} must be a dataset in HDF5",
            received=f"{type(error).__name__}: {error}",
            cause="a damaged or foreign file",
            fix="export it again",
        ) from error
    if len(dataset) != wanted:
        raise ArtefactError(f"{path} must hold {wanted} episodes, as its card says", received=len(dataset))
    return dataset


def read_all(paths: Iterable[str | os.PathLike[str]]) -> SessionDataset:
    """Several files as one dataset, in their order; at least one.

    Raises:
        ArtefactError: As of :func:`read_hdf5`.
        UsageError: They are of different tasks.
    """
    first, *others = [read_hdf5(path) for path in paths]
    return first.merge(*others)


def load(path: str | os.PathLike[str]) -> Any:
    """A dataset file as d3rlpy ``ReplayBuffer`` with the action space and size of its card.

    Raises:
        ArtefactError: The file or its card is missing, damaged, or of another kind.
        MissingExtraError: The extra "offline" is not installed.
    """
    return read_hdf5(path).to_d3rlpy()


def _write(file: Any, dataset: SessionDataset) -> None:
    file.create_dataset("columns", data=np.array(COLUMNS, "S"), track_times=False)
    file.create_dataset("num_episodes", data=len(dataset), track_times=False)
    file.create_dataset("version", data=LAYOUT_VERSION, track_times=False)
    for i, episode in enumerate(dataset.episodes):
        columns = closed(episode)
        _compressed(file, f"observations_{i}", columns.pop("observations"))
        for name, value in columns.items():
            file.create_dataset(f"{name}_{i}", data=value, track_times=False)
    own = file.create_group("ilrec")
    _compressed(own, "last_observations", np.stack([episode.observations[-1] for episode in dataset.episodes]))
    for name in sorted({name for episode in dataset.episodes for name in episode.extras}):
        having = [i for i, episode in enumerate(dataset.episodes) if name in episode.extras]
        group = own.create_group(f"extras/{name}")
        _compressed(group, "episodes", np.array(having, np.int64))
        _compressed(group, "values", _joined(name, [dataset.episodes[i].extras[name] for i in having]))


def _read(file: Any) -> Iterator[Episode]:
    n = int(file["num_episodes"][()])
    last = file["ilrec/last_observations"][()]
    rows = [file[f"actions_{i}"][:, 0] for i in range(n)]
    ended = [bool(file[f"terminated_{i}"][()]) for i in range(n)]
    lengths = [len(actions) - (not end) for actions, end in zip(rows, ended, strict=True)]
    extras: list[dict[str, NDArray[Any]]] = [{} for _ in range(n)]
    for name, group in file["ilrec"].get("extras", {}).items():
        having = group["episodes"][()]
        parts = np.split(group["values"][()], np.cumsum([lengths[i] for i in having])[:-1])
        for i, part in zip(having, parts, strict=True):
            extras[i][name] = part
    for i, steps in enumerate(lengths):
        observations = np.concatenate([file[f"observations_{i}"][()][:steps], last[i : i + 1]])
        yield Episode(observations, rows[i][:steps], file[f"rewards_{i}"][:steps, 0], ended[i], extras[i])


def _compressed(group: Any, name: str, data: NDArray[Any]) -> None:
    # One chunk for small arrays, because an episode is read whole. gzip, because HDF5's LZF is quicker by a quarter
    # but gives other bytes each time (its hash table starts uninitialised).
    rows = max(1, min(len(data), 2**20 // max(1, data[:1].nbytes)))
    group.create_dataset(
        name, data=data, chunks=(rows, *data.shape[1:]), compression="gzip", compression_opts=1, shuffle=True,
        track_times=False,
    )  # fmt: skip


def _joined(name: str, parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    if len({part.shape[1:] for part in parts}) > 1:
        raise UsageError(f"the extra {name!r} must have one shape in all sessions", cause="different agents")
    return np.concatenate(parts)


def facts_of(dataset: SessionDataset, reward: str, **layout: Any) -> dict[str, Any]:
    """What a dataset is, for its card.

    Args:
        dataset: The dataset.
        reward: What the rewards are, in words.
        layout: What is special about the form in which it lies in its file.
    """
    task = dataset.task
    return {
        "dataset": {
            "action_space": "discrete",
            "action_size": dataset.n_actions,
            "observation_shape": [dataset.observation_dim],
            "observation_dtype": "float32",
            "reward": reward,
            "episodes": len(dataset),
            "transitions": dataset.n_transitions,
            "extras": sorted({name for episode in dataset.episodes for name in episode.extras}),
            **layout,
        },
        "statistics": _statistics(dataset),
        "task": {"fingerprint": task.fingerprint, "description": task.description, "env_spec": task.env_spec},
    }


def _statistics(dataset: SessionDataset) -> dict[str, float]:
    rewards = np.concatenate([episode.rewards for episode in dataset.episodes])
    figures = {
        "mean_length": dataset.lengths.mean(),
        "mean_return": dataset.returns.mean(),
        "std_return": dataset.returns.std(),
        "mean_reward": rewards.mean(dtype=np.float64),
        "min_reward": rewards.min(),
        "max_reward": rewards.max(),
        "terminated_share": np.mean([episode.terminated for episode in dataset.episodes]),
    }
    return {name: round(float(value), 6) for name, value in figures.items()}
