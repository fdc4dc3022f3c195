"""Archives from GroupLens: downloaded into the cache, verified, and put in place in one move."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from ilrec_gym.data.registry import DatasetSource
from ilrec_gym.errors import DataError, StorageError
from ilrec_gym.files import cache_dir

_log = logging.getLogger(__name__)
_SECONDS = 30  # without an answer; a slow download may take longer


def archive_path(source: DatasetSource) -> Path:
    """Where the downloaded archive of a set lies in the cache."""
    return cache_dir() / "downloads" / f"{source.name}.zip"


def fetch(source: DatasetSource, *, download: bool = True) -> Path:
    """The verified archive of a set in the cache, downloaded if it is not there yet.

    A file in the cache that does not match the official checksum counts as not there.

    Args:
        source: The set.
        download: Whether to download it if need be.

    Returns:
        The path of the archive.

    Raises:
        DataError: It is not there and may not be downloaded, or what the server sent is not it; nothing is kept.
        StorageError: The cache cannot be written.
    """
    target = archive_path(source)
    if _matches(target, source.known_hash):
        return target
    if not download:
        raise DataError(
            f"the data set {source.name!r} must be on this machine, because downloading is off",
            received=f"no file {target} with checksum {source.known_hash}",
            fix=_by_hand(source),
        )
    return _download(source, target)


def _matches(path: Path, known_hash: str) -> bool:
    if not path.is_file():
        return False
    import pooch

    method, _, digest = known_hash.partition(":")
    if pooch.file_hash(str(path), alg=method) == digest:
        return True
    _log.warning("%s does not match its checksum and is downloaded again", path)
    return False


def _download(source: DatasetSource, target: Path) -> Path:
    import pooch
    import requests
    from tqdm import tqdm

    # total=1: pooch asks for the bar's truth value before it knows the size, and tqdm has none without a total
    bar = tqdm(total=1, unit="B", unit_scale=True, desc=target.name, disable=None, leave=False)
    pooch.get_logger().setLevel(logging.WARNING)
    try:
        pooch.retrieve(
            source.url,
            known_hash=source.known_hash,
            fname=target.name,
            path=target.parent,
            downloader=pooch.HTTPDownloader(progressbar=bar, timeout=_SECONDS),
        )
    except requests.RequestException as error:
        if error.response is not None:
            error.response.close()  # pooch leaves it open
        raise DataError(
            f"the data set {source.name!r} must be downloaded from {source.url}",
            received=f"{type(error).__name__}: {error}",
            cause="no network, a proxy, or a server that is down",
            fix=_by_hand(source),
        ) from error
    except ValueError as error:
        raise DataError(
            f"the download of {source.url} must have the official checksum {source.known_hash}",
            received=str(error),
            cause="a download that broke off, a proxy that answers in its place, or a new edition of the data set",
            fix="try again later, or " + _by_hand(source),
        ) from error
    except OSError as error:
        raise StorageError(
            f"the cache folder {target.parent} must be writable",
            received=error.strerror or str(error),
            cause="no space left, or no permission",
            fix="free some space, or name another folder in ILREC_CACHE; nothing was kept",
        ) from error
    finally:
        bar.close()
    return target


def _by_hand(source: DatasetSource) -> str:
    set_folder = os.environ.get("ILREC_DATA")
    folder = f"ILREC_DATA ({set_folder})" if set_folder else "a folder that the environment variable ILREC_DATA names"
    return f"get {source.url} elsewhere, then pass it as path=, or put it as {source.name}.zip into {folder}"
