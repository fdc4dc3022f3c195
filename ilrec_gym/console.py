"""What all subcommands of ``ilrec`` share."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable

from ilrec_gym.errors import ILRecError


def reports_errors(command: Callable[[list[str]], int]) -> Callable[[list[str]], int]:
    """Let a command print the project's own errors to stderr and end with exit code 2, without a traceback."""

    @functools.wraps(command)
    def run(argv: list[str]) -> int:
        try:
            return command(argv)
        except ILRecError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2

    return run
