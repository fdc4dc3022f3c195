"""The files of a data set, out of a zip or a folder; what was expected and what was found is said on failure."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ilrec_gym.errors import DataError, StorageError

_DEPTH = 4  # how deep a folder is searched; deeper, a wrong path such as "/" would be read for minutes


def read_members(source: Path, wanted: tuple[str, ...]) -> dict[str, bytes]:
    """Read the wanted files, which lie together at any depth of the zip, or a few folders deep.

    Args:
        source: A zip file, or a folder that holds the unpacked files.
        wanted: Names without folders.

    Returns:
        The content by name.

    Raises:
        DataError: The source or one of the files is missing, or the zip is damaged.
        StorageError: No permission to read.
    """
    if not source.exists():
        raise DataError(
            f"the source must be an existing zip file or folder with {_listed(wanted)}",
            received=str(source),
            cause="a misspelt path, or an archive that was not copied here",
            fix="check the path",
        )
    with _readable(source):
        if source.is_dir():
            folder = _folder_of(source, list(_files(source)), wanted)
            return {name: (source / folder / name).read_bytes() for name in wanted}
        with zipfile.ZipFile(source) as archive:
            members = {PurePosixPath(member): member for member in archive.namelist()}
            folder = _folder_of(source, list(members), wanted)
            return {name: archive.read(members[folder / name]) for name in wanted}


def _folder_of(source: Path, found: list[PurePosixPath], wanted: tuple[str, ...]) -> PurePosixPath:
    folders: dict[PurePosixPath, set[str]] = {}
    for path in found:
        if path.name in wanted and "__MACOSX" not in path.parts:
            folders.setdefault(path.parent, set()).add(path.name)
    complete = [folder for folder, names in folders.items() if len(names) == len(wanted)]
    if complete:
        return min(complete, key=lambda folder: (len(folder.parts), str(folder)))
    raise DataError(
        f"{source} must hold, together in one folder: {_listed(wanted)}",
        received=_listed(sorted(map(str, found))[:8]) + (" …" if len(found) > 8 else ""),
        cause="another data set, or an archive that was not fully unpacked",
        fix="give the original zip, or the folder it unpacks to",
    )


def _files(folder: Path) -> Iterator[PurePosixPath]:
    for here, below, names in os.walk(folder):
        place = Path(here).relative_to(folder)
        if len(place.parts) >= _DEPTH:
            below.clear()
        yield from (PurePosixPath(place.as_posix()) / name for name in names)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"


@contextmanager
def _readable(source: Path) -> Iterator[None]:
    try:
        yield
    except (DataError, StorageError):
        raise
    except OSError as error:
        raise StorageError(
            f"{source} must be readable",
            received=error.strerror or str(error),
            cause="no permission, or a damaged disk",
            fix="change the permissions, or copy the file again",
        ) from error
    # zipfile raises RuntimeError for encrypted members and NotImplementedError for unknown methods
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise DataError(
            f"{source} must be a whole zip archive",
            received=f"{type(error).__name__}: {error}",
            cause="a download or copy that broke off, or a file of another kind",
            fix="get the archive again",
        ) from error
