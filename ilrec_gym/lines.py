"""Files of lines that grow at their end and survive a kill at any byte: at most the line under way is lost."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ilrec_gym.errors import ArtefactError, StorageError


def append(file: BinaryIO, lines: bytes, *, sync: bool) -> None:
    """Write whole lines at the end of a file that is open for appending, unbuffered or never written to otherwise.

    Args:
        file: Open in mode ``"ab"``.
        lines: With their line ends.
        sync: Whether to wait until they are on the disk, and so survive a power cut too.

    Raises:
        OSError: No space; the file is as it was before.
    """
    handle, left = file.fileno(), memoryview(lines)
    size = os.fstat(handle).st_size
    try:
        while left:
            left = left[os.write(handle, left) :]
        if sync:
            os.fsync(handle)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(handle, size)
        raise


def append_shared(path: str | os.PathLike[str], lines: bytes) -> None:
    """Write whole lines at the end of a file that other processes append to as well; a torn last line is cut off.

    Raises:
        StorageError: No space, no permission, or no such folder.
    """
    try:
        with open(path, "ab") as file, _locked(file):
            os.ftruncate(file.fileno(), whole_lines(path))
            append(file, lines, sync=False)
    except OSError as error:
        raise unwritable(path, error) from error


def read_lines(path: str | os.PathLike[str]) -> list[bytes]:
    """The whole lines, without their ends; a last one that was torn by a kill is left out.

    Raises:
        FileNotFoundError: There is no such file.
        ArtefactError: It cannot be read.
    """
    try:
        return Path(path).read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ArtefactError(f"{path} must be readable", received=error.strerror) from error


def whole_lines(path: str | os.PathLike[str]) -> int:
    """How many bytes of a file belong to lines that have their end."""
    with open(path, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - 2**16)
            file.seek(start)
            last = file.read(end - start).rfind(b"\n")
            if last >= 0:
                return start + last + 1
            end = start
    return 0


def unwritable(path: str | os.PathLike[str], error: OSError, fix: str = "go on") -> StorageError:
    """The error for a file that could not be appended to."""
    return StorageError(
        f"the file {path} must be writable",
        received=error.strerror or str(error),
        cause="no space left, no permission, or a path that is not what it seems",
        fix=f"free some space and {fix}; what was finished is kept",
    )


@contextlib.contextmanager
def _locked(file: BinaryIO) -> Iterator[None]:
    """Hold the file alone, waiting for others; without locks (Windows) there must be one writer."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
