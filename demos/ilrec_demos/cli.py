"""The subcommand ``ilrec demos``: collect sessions into a journal, export them, look at them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ilrec_gym.console import reports_errors
from ilrec_gym.errors import UsageError

_ENV = "ilrec/MovieLens-Candidates-v0"


@reports_errors
def main(argv: list[str]) -> int:
    """Run ``ilrec demos`` with these arguments; returns the exit code."""
    options = _parser().parse_args(argv)
    run: Any = options.run
    return int(run(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ilrec demos", description="Demonstrations: collect, export, inspect.")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_collect(commands)
    _add_export(commands)
    _add_inspect(commands)
    return parser


def _add_collect(commands: Any) -> None:
    collect = commands.add_parser("collect", help="let an agent play sessions into a journal")
    collect.add_argument("--agent", required=True, metavar="NAME", help="a registered agent, e.g. llm")
    collect.add_argument("--sessions", required=True, type=int, metavar="N", help="how many")
    collect.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="the journal's folder")
    collect.add_argument("--env", default=_ENV, metavar="ID", help="environment id (%(default)s)")
    collect.add_argument("--dataset", metavar="NAME", help="data set, e.g. ml-1m (the environment's default)")
    collect.add_argument("--split", metavar="SPLIT", help="users that are drawn from: train, test, all (train)")
    collect.add_argument("--allow-test-users", action="store_true", help="also from users that agents are evaluated on")
    collect.add_argument("--seed", type=int, default=0, help="of the first session and of the agent (%(default)s)")
    collect.add_argument("--batch-size", type=int, default=64, metavar="B", help="played side by side (%(default)s)")
    collect.add_argument("--device", default="auto", help="for agents that compute: auto, cpu, cuda (%(default)s)")
    collect.add_argument("--resume", action="store_true", help="go on with a journal that was begun")
    _add_settings(collect, "--set", "a setting of the agent; values are JSON or plain words")
    _add_settings(collect, "--set-env", "an argument of the environment")
    collect.set_defaults(run=_collect)


def _add_export(commands: Any) -> None:
    export = commands.add_parser("export", help="write a journal as a d3rlpy dataset with card and transcript")
    export.add_argument("journal", type=Path, metavar="FOLDER", help="the journal's folder")
    export.add_argument("--out", required=True, type=Path, metavar="FILE", help="the dataset, e.g. demonstrations.h5")
    export.add_argument("--partial", action="store_true", help="also if the journal is unfinished")
    export.add_argument(
        "--transcript", type=int, default=50, metavar="N", help="sessions in the transcript, 0 for none (%(default)s)"
    )
    export.set_defaults(run=_export)


def _add_inspect(commands: Any) -> None:
    inspect = commands.add_parser("inspect", help="print sessions of a journal")
    inspect.add_argument("journal", type=Path, metavar="FOLDER", help="the journal's folder")
    inspect.add_argument("--session", type=int, action="append", metavar="I", help="this session; may be repeated")
    inspect.add_argument("--first", type=int, default=3, metavar="N", help="the first so many (%(default)s)")
    inspect.set_defaults(run=_inspect)


def _add_settings(parser: argparse.ArgumentParser, flag: str, text: str) -> None:
    parser.add_argument(flag, action="append", default=[], metavar="KEY=VALUE", help=f"{text}; may be repeated")


def _collect(options: argparse.Namespace) -> int:
    from ilrec_agents.registry import make_agent
    from ilrec_demos.collect import collect

    env = _environment(options)
    agent = make_agent(options.agent, env, device=options.device, seed=options.seed, **settings("--set", options.set))
    journal = collect(
        agent,
        env,
        options.out,
        sessions=options.sessions,
        seed=options.seed,
        batch_size=options.batch_size,
        resume=options.resume,
        allow_test_users=options.allow_test_users,
    )
    _print_statistics(journal)
    print(f"next: ilrec demos export {options.out} --out {options.out}.h5")
    return 0


def _export(options: argparse.Namespace) -> int:
    from ilrec_demos.export import export, transcript_path

    dataset = export(options.journal, options.out, partial=options.partial, transcript=options.transcript)
    print(f"{options.out}: {len(dataset)} episodes, {dataset.n_transitions} transitions, {dataset.n_actions} actions")
    if options.transcript:
        print(f"{transcript_path(options.out)}: to read")
    return 0


def _inspect(options: argparse.Namespace) -> int:
    from ilrec_demos.journal import Journal
    from ilrec_demos.replay import environment_of
    from ilrec_demos.transcript import Transcript

    journal = Journal.read(options.journal)
    by_number = {session.number: session for session in journal.sessions}
    for number in options.session or []:
        if number not in by_number:
            raise UsageError(
                f"--session must be a finished session of {options.journal}",
                received=number,
                cause=f"{len(by_number)} of {journal.header.sessions} sessions are finished",
            )
    chosen = [by_number[number] for number in options.session] if options.session else journal.sessions[: options.first]
    transcript = Transcript(environment_of(journal.header).scenario, markdown=False)
    _print_statistics(journal)
    for session in chosen:
        print(f"\n{transcript.session(session)}")
    return 0


def _environment(options: argparse.Namespace) -> Any:
    import gymnasium as gym

    import ilrec_gym  # noqa: F401  registers the ids
    from ilrec_gym.errors import unknown_name
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


def _print_statistics(journal: Any) -> None:
    header, figures = journal.header, journal.statistics()
    reasons = ", ".join(f"{reason} {count}" for reason, count in figures["exit_reasons"].items())
    means = f"mean length {figures['mean_length']:.1f}, mean return {figures['mean_return']:.1f}"
    print(f"{journal.path}: {figures['sessions']} of {header.sessions} sessions with {header.agent['name']}")
    print(f"  steps {figures['steps']}, {means}")
    print(f"  viewers {figures['users']}, films {figures['items']}, ends: {reasons or 'none'}")
