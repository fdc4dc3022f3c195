"""A data set by its name: from the given path, the package, ``$ILREC_DATA``, the cache, or GroupLens."""

from __future__ import annotations

import os
from functools import lru_cache
from importlib import resources
from pathlib import Path

from ilrec_gym.data.columns import from_columns
from ilrec_gym.data.download import archive_path, fetch
from ilrec_gym.data.parsed import parsed
from ilrec_gym.data.registry import source_of
from ilrec_gym.data.schema import InteractionData
from ilrec_gym.errors import ArtefactError, DataError, UsageError
from ilrec_gym.files import read_arrays

FILE = "file"
"""The name under which data of your own, saved to a file, is loaded."""


def load_dataset(
    name: str = "ml-latest-small", path: str | os.PathLike[str] | None = None, *, download: bool = True
) -> InteractionData:
    """Load a data set.

    Without ``path``, ml-latest-small comes from the package; others from the folder that ``$ILREC_DATA`` names
    (NAME.zip or NAME/ in it), from the cache, or from GroupLens, in this order. Only what is downloaded is compared
    with the official checksum. What was parsed once is kept in the cache and loads faster.

    Args:
        name: One of ``DATASETS``, or ``"file"`` for data of your own.
        path: The archive, the folder it unpacks to, or a folder with NAME.zip or NAME/ in it; taken as it is. For
            ``"file"``, what :meth:`InteractionData.save` wrote.
        download: Whether it may be fetched from GroupLens.

    Returns:
        The validated data.

    Raises:
        UnknownNameError: There is no set of this name.
        DataError: The set is missing, damaged, or could not be downloaded.
        StorageError: A file cannot be read, or the download cannot be stored.
        ArtefactError: The file of your own data is missing or damaged.
    """
    if name == FILE:
        return _saved(path)
    source = source_of(name)
    if path is not None:
        given = Path(path).expanduser()
        return parsed(source, _inside(given, name) or given)
    if source.bundled:
        return _bundled(source.bundled)
    return parsed(source, _own(name) or fetch(source, download=download))


def whereabouts(name: str) -> str:
    """Where :func:`load_dataset` would take a set from, in words.

    Raises:
        UnknownNameError: There is no set of this name.
        DataError: ``$ILREC_DATA`` names no folder.
    """
    source = source_of(name)
    if source.bundled:
        return "comes with the package"
    own = _own(name)
    if own:
        return f"at {own} (ILREC_DATA)"
    kept = archive_path(source)
    return f"at {kept} (cache)" if kept.is_file() else f"would be downloaded from {source.url}"


def _saved(path: str | os.PathLike[str] | None) -> InteractionData:
    if path is None:
        raise UsageError(
            f"the data set {FILE!r} needs the path of its file",
            cause="data_path was not given",
            fix="data.save(path), and data_path=path",
        )
    return InteractionData.load(Path(path).expanduser())


@lru_cache(maxsize=4)
def _bundled(file: str) -> InteractionData:
    try:
        with resources.as_file(resources.files("ilrec_gym.data") / "bundled" / file) as place:
            return from_columns(read_arrays(place))  # read-only, so that all may share it
    except (ArtefactError, DataError, FileNotFoundError) as error:
        raise DataError(
            f"the package must hold a readable {file}",
            received=str(error),
            cause="an installation that is not complete",
            fix="install ilrec-gym again",
        ) from error


def _own(name: str) -> Path | None:
    chosen = os.environ.get("ILREC_DATA")
    if not chosen:
        return None
    folder = Path(chosen).expanduser()
    if not folder.is_dir():
        raise DataError(
            "ILREC_DATA must name a folder",
            received=chosen,
            cause="a misspelt path, or a disk that is not mounted",
            fix="correct the environment variable, or unset it",
        )
    return _inside(folder, name)


def _inside(folder: Path, name: str) -> Path | None:
    return next((place for place in (folder / f"{name}.zip", folder / name) if place.exists()), None)
