"""The subcommand ``ilrec demos``: collect sessions, export, inspect, validate and push them, or write real logs."""

from __future__ import annotations

import argparse
from typing import Any

from ilrec_demos.commands import collect, export, inspect, logs, push, validate
from ilrec_gym.console import reports_errors


@reports_errors
def main(argv: list[str]) -> int:
    """Run ``ilrec demos`` with these arguments; returns the exit code."""
    options = _parser().parse_args(argv)
    run: Any = options.run
    return int(run(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ilrec demos", description="Demonstrations: collect, export, validate, push.")
    commands = parser.add_subparsers(dest="command", required=True)
    for command in (collect, export, inspect, validate, push, logs):
        command.add(commands)
    return parser
