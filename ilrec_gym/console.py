"""What all subcommands of ``ilrec`` share: errors without tracebacks, ``KEY=VALUE`` settings, the environment."""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ilrec_gym.errors import ILRecError, UsageError, unknown_name

DEFAULT_ENV = "ilrec/MovieLens-Candidates-v0"


def reports_errors(command: Callable[[list[str]], int]) -> Callable[[list[str]], int]:
    """Let a command print the project's own errors to stderr and end with exit code 2, without a traceback."""

    @functools.wraps(command)
    def run(argv: list[str]) -> int:
        try:
            code = command(argv)
            sys.stdout.flush()  # what is left in the buffer would meet a closed pipe outside of this
            return code
        except ILRecError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        except BrokenPipeError:  # the reader has seen enough, as in `ilrec agents | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141

    return run


def add_env_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--env``, ``--dataset``, ``--split`` and ``--set-env``, which :func:`environment` reads."""
    parser.add_argument("--env", default=DEFAULT_ENV, metavar="ID", help="environment id (%(default)s)")
    parser.add_argument("--dataset", metavar="NAME", help="data set, e.g. ml-1m (the environment's default)")
    parser.add_argument("--split", metavar="SPLIT", help="users that are met: train, test or all")
    add_settings(parser, "--set-env", "an argument of the environment")


def add_settings(parser: argparse.ArgumentParser, flag: str, text: str) -> None:
    """Add a flag that takes ``KEY=VALUE`` and may be repeated; :func:`settings` reads it."""
    parser.add_argument(flag, action="append", default=[], metavar="KEY=VALUE", help=f"{text}; may be repeated")


def settings(flag: str, pairs: Sequence[str]) -> dict[str, Any]:
    """``KEY=VALUE`` pairs as a dictionary; a value that is not JSON is taken as a word.

    Raises:
        UsageError: A pair without "=" or without a key, or a key given twice.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key.isidentifier() or not equals:
            raise UsageError(f"{flag} must be KEY=VALUE", received=pair, fix=f"e.g. {flag} temperature=0.5")
        if key in found:
            raise UsageError(f"{flag} must name each key once", received=key)
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found


def environment(options: argparse.Namespace) -> Any:
    """The environment that the arguments of :func:`add_env_arguments` name.

    Raises:
        UsageError: No such environment, or no such argument of it.
    """
    import gymnasium as gym

    from ilrec_gym.registration import ENV_IDS

    if options.env not in ENV_IDS:
        raise unknown_name("--env", options.env, ENV_IDS)
    chosen = {key: value for key in ("dataset", "split") if (value := getattr(options, key)) is not None}
    arguments = chosen | settings("--set-env", options.set_env)
    try:
        return gym.make(options.env, **arguments)
    except TypeError as error:  # Python's own words name the argument
        raise UsageError(
            f"--set-env must name arguments of {options.env}",
            received=arguments,
            cause=str(error),
            fix="see the environment's page for its arguments",
        ) from error
