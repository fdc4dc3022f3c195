"""``ilrec demos validate``: name everything that is damaged or inconsistent."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the subcommand."""
    validate = commands.add_parser("validate", help="look for damage and inconsistencies in a journal or a dataset")
    validate.add_argument("path", type=Path, metavar="PATH", help="a journal's folder, or what export wrote")
    validate.add_argument("--partial", action="store_true", help="a journal may be unfinished")
    validate.add_argument("--no-replay", action="store_true", help="do not play the sessions again")
    validate.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from ilrec_demos.validation import validate

    report = validate(options.path, partial=options.partial, replay=not options.no_replay)
    for finding in report.findings:
        print(finding)
    for note in report.notes:
        print(f"note: {note}")
    print(f"{options.path}: {report.summary}")
    return 0 if report.fine else 1
