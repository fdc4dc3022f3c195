"""Files: written to a temporary name and moved, checked by SHA-256, cached in one folder."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from ilrec_gym.errors import ArtefactError, StorageError, UsageError

ANY_FOLDER = "."
"""As the mark of a folder: whatever folder is there may be replaced, for places that are the project's own."""

_LEFT = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.(?P<kind>old|tmp)", re.DOTALL)
_log = logging.getLogger(__name__)
_DAY = 24 * 60 * 60.0


def cache_dir() -> Path:
    """The folder for what was downloaded or fitted once: ``$ILREC_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("ILREC_CACHE")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("ilrec-gym"))


@contextmanager
def replacing(target: str | os.PathLike[str], *, mark: str | None = None) -> Iterator[Path]:
    """Give a temporary path beside ``target``; move it there when the block ends well, remove it otherwise.

    So ``target`` is either whole or as it was before. A folder cannot be replaced in one move: the old one is renamed,
    and removed when the new one is in place. Where a kill came between, the next write puts the old one back first.

    Args:
        target: The file, or where ``mark`` is given the folder, that the block makes.
        mark: The file in it by which a folder that may be replaced is told from everybody else's, or ``ANY_FOLDER``.

    Raises:
        UsageError: Something else is there, see :func:`check_target`.
        StorageError: No space, no permission, or no such folder.
    """
    with _storage_errors(target):
        check_target(target, mark=mark)
        target = Path(target) if mark is None else Path(target).resolve()
        draft = _beside(target, "tmp")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if mark is not None:
                settle(target.parent, target.name)
            yield draft
            check_target(target, mark=mark)  # the block may have taken hours
            _put(draft, target)
        finally:
            _remove(draft)


def check_target(target: str | os.PathLike[str], *, mark: str | None = None) -> None:
    """Refuse what must not be replaced: a folder by a file, a file by a folder, or a folder of something else.

    Args:
        target: Where something is to be written.
        mark: None for a file; for a folder the file in it that those have which may be replaced, or ``ANY_FOLDER``.

    Raises:
        UsageError: Something else is there.
        StorageError: The folder that is there cannot be read.
    """
    target = Path(target)
    if mark is None:
        if target.is_dir():
            raise UsageError(
                f"{target} must be free, or a file to replace", received="a folder", fix="give the name of a file"
            )
    elif target.exists() and not target.is_dir():
        raise UsageError(
            f"{target} must be a new folder, or one to replace", received="a file", fix="give the name of a folder"
        )
    elif target.is_dir() and not (target / mark).exists():
        with _storage_errors(target):
            there = sorted(path.name for path in target.iterdir())
        if there:
            raise UsageError(
                f"{target} must be a new folder, an empty one, or one with {mark}, which is replaced",
                received=there[:5],
                cause="a folder of something else",
                fix="choose another one; nothing was changed",
            )


def is_left(path: Path) -> bool:
    """Whether it is something that a kill left half done, which :func:`settle` sees to."""
    return _LEFT.fullmatch(path.name) is not None


def settle(folder: Path, name: str | None = None, *, stale: float = _DAY) -> None:
    """Finish what killed processes left in a folder when they were replacing something there.

    Args:
        folder: Where to look.
        name: Of the file or folder that was being replaced; None: whatever it was.
        stale: Drafts last touched at least so many seconds ago are removed; younger ones may still be at work.
    """
    for path in sorted(folder.iterdir()):
        left = _LEFT.fullmatch(path.name)
        if left is None or name not in (None, left["name"]):
            continue
        with suppress(FileNotFoundError):  # another process finished it
            if left["kind"] == "old" and not folder.joinpath(left["name"]).exists():
                os.replace(path, folder / left["name"])
            elif left["kind"] == "old" or time.time() - path.lstat().st_mtime >= stale:
                _remove(path)


def _put(draft: Path, target: Path) -> None:
    if not target.is_dir():
        os.replace(draft, target)
        return
    old = _beside(target, "old")
    os.replace(target, old)
    try:
        os.replace(draft, target)
    except OSError:
        os.replace(old, target)
        raise
    _remove(old)


def _beside(target: Path, kind: str) -> Path:
    return target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.{kind}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def keep(write: Callable[[], object], what: str) -> None:
    """Write something that was computed for the next time; where that cannot be done, warn and go on without.

    Args:
        write: Writes it.
        what: What it is, for the warning.
    """
    try:
        write()
    except StorageError as error:
        _log.warning("%s cannot be kept, and will be computed again the next time: %s", what, error)


@contextmanager
def _storage_errors(target: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(
            f"the file {target} must be writable",
            received=error.strerror or str(error),
            cause="no space left, no permission, or a path that is not what it seems",
            fix="free some space or choose another target; nothing was changed",
        ) from error


def sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(*parts: Any) -> str:
    """A SHA-256 over arrays and JSON values: the name under which a fitted thing is cached."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            digest.update(json.dumps(part, sort_keys=True).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write a JSON file in one move."""
    with replacing(path) as draft:
        draft.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file.

    Raises:
        ArtefactError: It is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArtefactError(f"the file {path} must exist", cause="a wrong path, or a step that was not run") from error
    except (OSError, ValueError) as error:
        raise ArtefactError(
            f"the file {path} must be readable JSON", received=str(error), cause="a damaged file"
        ) from error


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays as a compressed ``.npz`` in one move; the same arrays give the same bytes."""
    with replacing(path) as draft, open(draft, "wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_arrays(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read what :func:`write_arrays` wrote. Never unpickles.

    Raises:
        ArtefactError: The file is missing, damaged, or holds objects.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise ArtefactError(f"the file {path} must exist", cause="a wrong path, or a step that was not run") from error
    except Exception as error:  # zipfile, zlib and numpy each raise their own kinds on damaged bytes
        raise ArtefactError(
            f"the file {path} must be a readable .npz archive of plain arrays",
            received=f"{type(error).__name__}: {error}",
            cause="a damaged or foreign file",
            fix="delete it and run the step that makes it again",
        ) from error
