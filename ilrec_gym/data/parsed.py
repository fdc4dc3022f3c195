"""What was parsed once is kept as columns in the cache, under the checksum of what it was parsed from."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path

from ilrec_gym.data.archive import read_members
from ilrec_gym.data.columns import FORMAT, from_columns, to_columns
from ilrec_gym.data.registry import DatasetSource
from ilrec_gym.data.schema import InteractionData
from ilrec_gym.errors import ArtefactError, DataError, StorageError
from ilrec_gym.files import cache_dir, keep, read_arrays, sha256, write_arrays

_log = logging.getLogger(__name__)


def parsed(source: DatasetSource, place: Path) -> InteractionData:
    """The data of an archive or folder, from the cache where the same content was parsed before.

    A cache file that is damaged is made again, and a cache that cannot be written is done without; both are logged.

    Args:
        source: What to expect at the place.
        place: The archive, or the folder it unpacks to.

    Raises:
        DataError: The place is missing, damaged, or of another form.
        StorageError: The place cannot be read.
    """
    files = None
    if place.is_file():
        digest = _file_digest(place)
    else:
        files = read_members(place, source.files)
        digest = _content_digest(files)
    stored = cache_dir() / "data" / f"{source.name}-{digest[:16]}.v{FORMAT}.npz"
    if stored.exists():
        try:
            return from_columns(read_arrays(stored))
        except (ArtefactError, DataError) as error:
            _log.warning("the cache file %s is damaged and is made again: %s", stored, error)
    data = source.parse(files or read_members(place, source.files))
    keep(lambda: write_arrays(stored, to_columns(data)), "the parsed data")
    return data


def _file_digest(place: Path) -> str:
    try:
        return sha256(place)
    except OSError as error:
        raise StorageError(
            f"{place} must be readable",
            received=error.strerror or str(error),
            cause="no permission, or a damaged disk",
            fix="change the permissions, or copy the file again",
        ) from error


def _content_digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode())
        digest.update(files[name])
    return digest.hexdigest()
