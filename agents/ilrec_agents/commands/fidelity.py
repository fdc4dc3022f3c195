"""The subcommand ``ilrec data fidelity``: how faithful a simulation is, and what every user model rewards."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ilrec_gym.console import reports_errors


@reports_errors
def main(argv: list[str]) -> int:
    """Run ``ilrec data fidelity`` with these arguments; returns the exit code."""
    options = _parser().parse_args(argv)
    from ilrec_agents.fidelity import fidelity
    from ilrec_gym.errors import require

    if options.out:
        require("matplotlib", "report")  # before minutes of work, not after
    report = fidelity(
        options.name,
        data_path=options.path,
        user_models=[_spec(text) for text in options.user_model] or None,
        split=options.split,
        users=options.users,
        seed=options.seed,
    )
    print(report.to_markdown())
    if options.out:
        for path in report.save(options.out):
            print(f"written: {path}")
    return 0


def _spec(text: str) -> str | dict[str, Any]:
    """A preset's name, or ``{"name": ..., parameter: value}``."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, dict) else text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ilrec data fidelity",
        description="Held-out ratings, histograms, session lengths and the ladder of policies, for every user model.",
    )
    parser.add_argument("name", nargs="?", default="ml-latest-small", metavar="NAME", help="e.g. ml-1m (%(default)s)")
    parser.add_argument("--path", type=Path, help="its zip or folder, or the file of your own data (NAME is `file`)")
    parser.add_argument(
        "--user-model",
        action="append",
        default=[],
        metavar="MODEL",
        help='a preset or its JSON, {"name": ..., parameter: value}; may be repeated (every preset)',
    )
    parser.add_argument("--split", default="test", help="users that play: train, test or all (%(default)s)")
    parser.add_argument("--users", type=int, metavar="N", help="only so many of them (all)")
    parser.add_argument("--seed", type=int, default=0, help="of the sessions (%(default)s)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write JSON, CSV, Markdown, pictures and pages")
    return parser
