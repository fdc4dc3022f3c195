"""Files: written to a temporary name and moved, checked by SHA-256, cached in one folder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from ilrec_gym.errors import ArtefactError, StorageError


def cache_dir() -> Path:
    """The folder for what was downloaded or fitted once: ``$ILREC_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("ILREC_CACHE")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("ilrec-gym"))


@contextmanager
def replacing(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside ``target``; move it there when the block ends well, remove it otherwise.

    What the block makes may be a file or a folder. So ``target`` is either whole or as it was before.

    Raises:
        StorageError: No space, no permission, or no such folder.
    """
    target = Path(target)
    draft = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        if target.is_dir():
            shutil.rmtree(target)
        os.replace(draft, target)
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(
            f"the file {target} must be writable",
            received=error.strerror or str(error),
            cause="no space left, no permission, or a path that is not what it seems",
            fix="free some space or choose another target; nothing was changed",
        ) from error
    finally:
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            with suppress(OSError):
                draft.unlink()


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
