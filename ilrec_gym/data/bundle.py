"""Makes the file of the set that is shipped again, from the original archive.

``python -m ilrec_gym.data.bundle --source ml-latest-small.zip --output ilrec_gym/data/bundled``
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ilrec_gym.console import reports_errors
from ilrec_gym.data.archive import read_members
from ilrec_gym.data.columns import to_columns
from ilrec_gym.data.registry import source_of
from ilrec_gym.files import replacing, write_arrays

_README = "README.txt"


def build(source: Path, output: Path, name: str = "ml-latest-small") -> Path:
    """Make the bundled file, and GroupLens' README with its terms beside it; the same source gives the same bytes.

    Args:
        source: The original archive, or the folder it unpacks to.
        output: The folder to write to.
        name: The data set.

    Returns:
        The path of the file.

    Raises:
        DataError: The source is not the original's form.
        StorageError: The folder cannot be written.
    """
    known = source_of(name)
    files = read_members(source, (*known.files, _README))
    target = output / known.bundled
    write_arrays(target, to_columns(known.parse(files)))
    with replacing(output / _README) as draft:
        draft.write_bytes(files[_README])
    return target


@reports_errors
def main(argv: list[str]) -> int:
    """The command of this module."""
    parser = argparse.ArgumentParser(prog="python -m ilrec_gym.data.bundle", description=__doc__.partition("\n")[0])
    parser.add_argument("--source", type=Path, required=True, help="ml-latest-small.zip, or the folder it unpacks to")
    parser.add_argument("--output", type=Path, required=True, help="the folder to write to")
    options = parser.parse_args(argv)
    target = build(options.source, options.output)
    print(f"{target}: {target.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
