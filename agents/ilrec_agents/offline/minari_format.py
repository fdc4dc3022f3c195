"""Datasets in Minari's form: a folder that ``minari.load_dataset`` finds, with an environment that can be recovered.

Each Minari episode holds T + 1 observations, T actions, rewards and both flags. The extras are its infos, laid as
Minari's own collector lays what ``step`` returns: row t + 1 belongs to action t, and row 0, which is ``reset``'s, says
nothing (-1, nan or False) but for ``user_id`` and ``session``. Episode metadata hold the seed and options with which
``reset`` begins the same session again, where they are known.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from ilrec_agents.offline.episodes import DatasetTask, Episode, SessionDataset
from ilrec_agents.offline.hdf5 import RATING, facts_of
from ilrec_gym.cards import read_card, write_card
from ilrec_gym.errors import ArtefactError, UsageError, require
from ilrec_gym.files import read_json, replacing, write_json

KIND = "minari"
MAIN = Path("data", "main_data.hdf5")
METADATA = Path("data", "metadata.json")
_ID = re.compile(r"(?:[-\w]+/)*[-\w]+-v\d+")
_WORTH_PACKING = 512  # bytes
_KNOWN_AT_RESET = ("user_id", "session")


def dataset_id(*parts: str) -> str:
    """An id such as ``ilrec/ml-latest-small/logs-v0``; what Minari does not allow in ids becomes a dash."""
    return "/".join(["ilrec", *(re.sub(r"[^-\w]", "-", part) for part in parts)]) + "-v0"


def write_minari(
    dataset: SessionDataset,
    root: str | os.PathLike[str],
    name: str,
    *,
    observation_space: spaces.Box,
    algorithm: str,
    description: str,
    seeds: Sequence[int] | None = None,
    parameters: Mapping[str, Any] | None = None,
    inputs: Mapping[str, str] | None = None,
    seed: int | None = None,
    seconds: float | None = None,
    reward: str = RATING,
    **more: Any,
) -> Path:
    """Write a dataset for Minari, and its card.

    Args:
        dataset: What to write.
        root: The folder of all Minari datasets, which ``MINARI_DATASETS_PATH`` has to name when one is loaded.
        name: The dataset's id: ``namespace/name-v0``. One that this project wrote is replaced.
        observation_space: Of the flat observation.
        algorithm: Who chose the actions.
        description: What the sessions are, in words.
        seeds: Each session's seed for ``reset``.
        parameters: What decided the dataset's content, for the card.
        inputs: Checksums of what it was made from, for the card.
        seed: The seed, for the card.
        seconds: How long it took, for the card.
        reward: What the rewards are, in words.
        more: Further facts for the card.

    Returns:
        The dataset's folder.

    Raises:
        UsageError: A malformed id, a dataset of others' at that place, or observations outside the space.
        StorageError: No space or no permission; nothing is left behind.
        MissingExtraError: The extra "minari" is not installed.
    """
    for needed in ("h5py", "PIL"):  # Minari needs them and does not say so
        require(needed, "minari")
    storage = require("minari.dataset.minari_storage", "minari").MinariStorage
    target = _checked_target(Path(root), name)
    _check_space(dataset, observation_space)
    content, (spec, evaluation) = _content(dataset, seeds), _specs(dataset.task)
    metadata = _metadata(dataset, evaluation) | {
        "dataset_id": name,
        "dataset_size": round(len(content) / 1e6, 1),
        "algorithm_name": algorithm,
        "description": f"{description} Reward: {reward}.",
    }
    with replacing(target, mark=str(METADATA)) as draft:
        draft.mkdir()
        made = storage.new(
            draft / "data",
            observation_space=observation_space,
            action_space=spaces.Discrete(dataset.n_actions),
            env_spec=spec,
        )
        made.update_metadata(metadata)
        (draft / MAIN).write_bytes(content)
    _name_spaces(Path(root), target)
    facts = facts_of(dataset, reward, layout=f"minari {metadata['minari_version']}", id=name)
    write_card(
        target / MAIN, kind=KIND, parameters=parameters or {}, inputs=inputs, seed=seed, seconds=seconds,
        **facts, **more,
    )  # fmt: skip
    return target


def read_minari(folder: str | os.PathLike[str], *, verify: bool = True) -> SessionDataset:
    """Read what :func:`write_minari` wrote.

    Args:
        folder: The dataset's folder.
        verify: Whether to compare the file's checksum with the card's.

    Raises:
        ArtefactError: No such dataset, a damaged one, or one that others wrote.
        MissingExtraError: The extra "minari" is not installed.
    """
    minari, folder = require("minari", "minari"), Path(folder)
    read_card(folder / MAIN, kind=KIND, verify=verify)
    try:
        task = read_json(folder / METADATA)["ilrec"]["task"]
        stored = minari.MinariDataset(folder / "data")
        episodes = tuple(_episode(one) for one in stored.iterate_episodes())
        return SessionDataset(
            episodes, int(stored.action_space.n), stored.observation_space.shape[0],
            DatasetTask(task["description"], task["env_spec"]),
        )  # fmt: skip
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, AssertionError) as error:
        raise ArtefactError(
            f"{folder} must be a Minari dataset that ilrec-gym wrote",
            received=f"{type(error).__name__}: {error}",
            cause="a damaged or foreign dataset",
            fix="export it again; minari.load_dataset() opens those of others",
        ) from error


def _metadata(dataset: SessionDataset, evaluation: EnvSpec | None) -> dict[str, Any]:
    """What Minari keeps of a dataset, as far as the dataset says it."""
    evaluated = {} if evaluation is None else {"eval_env_spec": evaluation.to_json()}
    return evaluated | {
        "minari_version": require("minari", "minari").__version__,
        "total_episodes": len(dataset),
        "total_steps": dataset.n_transitions,
        "author": {"ILRec-Gym"},
        "requirements": ["ilrec-gym"],
        "ilrec": {"task": {"description": dataset.task.description, "env_spec": dataset.task.env_spec}},
    }


def _name_spaces(root: Path, target: Path) -> None:
    """Give every folder between the root and the dataset the file by which Minari knows a namespace."""
    for namespace in target.parents:
        if namespace == root:
            break
        if not (namespace / "namespace_metadata.json").exists():
            write_json(namespace / "namespace_metadata.json", {})


def _content(dataset: SessionDataset, seeds: Sequence[int] | None) -> memoryview:
    """The bytes of Minari's HDF5 file.

    Made in memory, because the HDF5 library crashes the process when the disk is full, as it does in Minari's own
    writer. That one pads every small array besides; its files are five times as large as these.
    """
    h5py, content = require("h5py", "minari"), io.BytesIO()
    with h5py.File(content, "w", libver="v110") as file:
        for i, episode in enumerate(dataset.episodes):
            group = file.create_group(f"episode_{i}")
            group.attrs.update(_about(i, episode, seeds))
            for name, values in _columns(episode).items():
                packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "chunks": values.shape}
                group.create_dataset(
                    name, data=values, track_times=False, **(packed if values.nbytes >= _WORTH_PACKING else {})
                )
    return content.getbuffer()


def _about(number: int, episode: Episode, seeds: Sequence[int] | None) -> dict[str, int]:
    about = {"id": number, "total_steps": len(episode)}
    if seeds is not None:
        about["seed"] = int(seeds[number])
    if "user_id" in episode.extras:
        about["options/user_id"] = int(episode.extras["user_id"][0])
    return about


def _columns(episode: Episode) -> dict[str, NDArray[Any]]:
    last = np.zeros(len(episode), bool)
    last[-1] = True
    return {
        "observations": episode.observations,
        "actions": episode.actions,
        "rewards": episode.rewards,
        "terminations": last & episode.terminated,
        "truncations": last & (not episode.terminated),
        **{f"infos/{name}": _as_info(name, values) for name, values in episode.extras.items()},
    }


def _as_info(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """``(T + 1, ...)``: in front, the row of ``reset``."""
    empty = {"f": np.nan, "i": -1, "u": 0, "b": False}[values.dtype.kind]
    first = values[:1] if name in _KNOWN_AT_RESET else np.full_like(values[:1], empty)
    return np.concatenate([first, values])


def _episode(one: Any) -> Episode:
    extras = {name: values[1:] for name, values in (one.infos or {}).items()}
    return Episode(one.observations, one.actions, one.rewards, bool(one.terminations[-1]), extras)


def _specs(task: DatasetTask) -> tuple[EnvSpec | None, EnvSpec | None]:
    """The environment of the sessions with flat observations, and the same with the users that agents are tested on."""
    if task.env_spec is None:
        return None, None
    spec = EnvSpec.from_json(json.dumps(task.env_spec))
    kwargs = {key: value for key, value in spec.kwargs.items() if key not in ("observation", "info", "render_mode")}
    spec = replace(spec, kwargs=kwargs, order_enforce=True, disable_env_checker=False)
    return spec, replace(spec, kwargs=kwargs | {"split": "test"})


def _checked_target(root: Path, name: str) -> Path:
    if not _ID.fullmatch(name):
        raise UsageError(
            "a Minari id must be namespace/name-v0", received=name, fix="e.g. ilrec/ml-latest-small/logs-v0"
        )
    target = root / name
    if target.exists() and (not (target / METADATA).is_file() or "ilrec" not in read_json(target / METADATA)):
        raise UsageError(
            f"{target} must be free, or a dataset that ilrec-gym wrote",
            cause="another dataset, or another file or folder, of this name",
            fix="choose another id, or delete it",
        )
    return target


def _check_space(dataset: SessionDataset, space: spaces.Box) -> None:
    for i, episode in enumerate(dataset.episodes):
        x = episode.observations
        if x.shape[1:] != space.shape or (x < space.low).any() or (x > space.high).any():
            raise UsageError(
                "observations must lie in the observation space",
                received=f"episode {i} of shape {x.shape}, space {space.shape}",
                cause="sessions of another environment",
            )
