"""The subcommand ``ilrec demos``: collect sessions into a journal, export them, look at them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ilrec_gym.console import add_env_arguments, add_settings, environment, reports_errors, settings
from ilrec_gym.errors import UsageError


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
    collect.add_argument("--allow-test-users", action="store_true", help="also from users that agents are evaluated on")
    collect.add_argument("--seed", type=int, default=0, help="of the first session and of the agent (%(default)s)")
    collect.add_argument("--batch-size", type=int, default=64, metavar="B", help="played side by side (%(default)s)")
    collect.add_argument("--device", default="auto", help="for agents that compute: auto, cpu, cuda (%(default)s)")
    collect.add_argument("--resume", action="store_true", help="go on with a journal that was begun")
    add_settings(collect, "--set", "a setting of the agent; values are JSON or plain words")
    add_env_arguments(collect)
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


def _collect(options: argparse.Namespace) -> int:
    from ilrec_agents.registry import make_agent
    from ilrec_demos.collect import collect

    env = environment(options)
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


def _print_statistics(journal: Any) -> None:
    header, figures = journal.header, journal.statistics()
    reasons = ", ".join(f"{reason} {count}" for reason, count in figures["exit_reasons"].items())
    means = f"mean length {figures['mean_length']:.1f}, mean return {figures['mean_return']:.1f}"
    print(f"{journal.path}: {figures['sessions']} of {header.sessions} sessions with {header.agent['name']}")
    print(f"  steps {figures['steps']}, {means}")
    print(f"  viewers {figures['users']}, films {figures['items']}, ends: {reasons or 'none'}")
