"""Which data sets there are, and what is known of each. A set is one file that defines a source, and one line here."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ilrec_gym.data.schema import InteractionData
from ilrec_gym.errors import unknown_name

# name -> "module:attribute" of a DatasetSource; imported when it is asked for
DATASETS: dict[str, str] = {
    "ml-latest-small": "ilrec_gym.data.ml_latest_small:SOURCE",
    "ml-1m": "ilrec_gym.data.ml_1m:SOURCE",
    "ml-100k": "ilrec_gym.data.ml_100k:SOURCE",
}


@dataclass(frozen=True)
class DatasetSource:
    """Where a data set comes from and how it is read.

    Attributes:
        name: Its name, also that of the archive: NAME.zip.
        summary: One line for people.
        files: The files that are needed, without folders.
        parse: From the files' contents by name to the data.
        url: The official archive.
        known_hash: The archive's checksum, "md5:..." or "sha256:...".
        bundled: The file in the package that holds it, "" where none does.
    """

    name: str
    summary: str
    files: tuple[str, ...]
    parse: Callable[[Mapping[str, bytes]], InteractionData]
    url: str
    known_hash: str
    bundled: str = ""


def source_of(name: str) -> DatasetSource:
    """The source with this name.

    Raises:
        UnknownNameError: There is none; the nearest name is given.
    """
    if name not in DATASETS:
        raise unknown_name("dataset", name, [*DATASETS, "file"])
    module, _, attribute = DATASETS[name].partition(":")
    source: DatasetSource = getattr(importlib.import_module(module), attribute)
    return source
