"""Lines that several subcommands print."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_form(parser: Any, example: str, forms: str) -> None:
    """Add ``--format``, ``--out`` and ``--id``."""
    parser.add_argument("--format", default="d3rlpy", metavar="FORM", help=f"{forms} (%(default)s)")
    parser.add_argument(
        "--out", required=True, type=Path, metavar="PATH",
        help=f"d3rlpy: the file, e.g. {example}; minari: the folder that MINARI_DATASETS_PATH names"
        + ("; jsonl: a new folder" if "jsonl" in forms else ""),
    )  # fmt: skip
    parser.add_argument("--id", metavar="ID", help="of the Minari dataset, e.g. ilrec/mine-v0")


def print_dataset(dataset: Any, place: Path) -> None:
    """Where a dataset lies and how large it is."""
    print(f"{place}: {len(dataset)} episodes, {dataset.n_transitions} transitions, {dataset.n_actions} actions")


def print_opening(options: argparse.Namespace, place: Path) -> None:
    """How a Minari dataset is opened."""
    if options.format == "minari":
        name = place.relative_to(options.out).as_posix()
        print(f"open: MINARI_DATASETS_PATH={options.out} and minari.load_dataset({name!r})")


def print_statistics(journal: Any) -> None:
    """How many sessions a journal has, and how they went."""
    header, figures = journal.header, journal.statistics()
    reasons = ", ".join(f"{reason} {count}" for reason, count in figures["exit_reasons"].items())
    means = f"mean length {figures['mean_length']:.1f}, mean return {figures['mean_return']:.1f}"
    print(f"{journal.path}: {figures['sessions']} of {header.sessions} sessions with {header.agent['name']}")
    print(f"  steps {figures['steps']}, {means}")
    print(f"  viewers {figures['users']}, films {figures['items']}, ends: {reasons or 'none'}")
