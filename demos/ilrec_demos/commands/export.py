"""``ilrec demos export``: write a journal as a dataset with cards and transcript."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ilrec_demos.commands.printing import add_form, print_dataset, print_opening


def add(commands: Any) -> None:
    """Add the subcommand."""
    export = commands.add_parser("export", help="write a journal as a dataset with cards and transcript")
    export.add_argument("journal", type=Path, metavar="FOLDER", help="the journal's folder")
    add_form(export, "demonstrations.h5", "d3rlpy, minari or jsonl")
    export.add_argument("--partial", action="store_true", help="also if the journal is unfinished")
    export.add_argument(
        "--transcript", type=int, default=50, metavar="N", help="sessions in the transcript, 0 for none (%(default)s)"
    )
    export.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from ilrec_demos.cards import markdown_path
    from ilrec_demos.export import export, transcript_path

    dataset, place = export(
        options.journal, options.out, partial=options.partial, transcript=options.transcript, form=options.format,
        name=options.id,
    )  # fmt: skip
    print_dataset(dataset, place)
    print(f"{markdown_path(place)}: what it is")
    if options.transcript:
        print(f"{transcript_path(place)}: to read")
    print_opening(options, place)
    return 0
