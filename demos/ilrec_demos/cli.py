"""The subcommand ``ilrec demos``: collect sessions into a journal, export them or real logs, look at them."""

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
    _add_logs(commands)
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
    export = commands.add_parser("export", help="write a journal as a dataset with card and transcript")
    export.add_argument("journal", type=Path, metavar="FOLDER", help="the journal's folder")
    _add_form(export, "demonstrations.h5", ", or jsonl: a new folder")
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


def _add_logs(commands: Any) -> None:
    logs = commands.add_parser("logs", help="write the real rating sequences of a data set as a dataset of sessions")
    logs.add_argument("dataset", metavar="NAME", help="a data set, e.g. ml-latest-small")
    _add_form(logs, "logs.h5")
    logs.add_argument(
        "--gap", type=minutes, default=60.0, metavar="MINUTES",
        help='a pause that ends a session, or "none" for one session of each user (%(default)g)',
    )  # fmt: skip
    logs.add_argument(
        "--log-end", default="data", metavar="WHOSE",
        help="nothing is known after the last rating of the data set (data), or of each user (user) (%(default)s)",
    )  # fmt: skip
    logs.add_argument("--reward", default="rating", metavar="WHICH", help="rating, or centred on the profile's mean")
    logs.add_argument("--allow-test-users", action="store_true", help="also of users that agents are evaluated on")
    logs.add_argument("--env", default="ilrec/MovieLens-v0", metavar="ID", help="environment id (%(default)s)")
    logs.add_argument("--split", metavar="SPLIT", help="whose logs: train, test or all (train)")
    add_settings(logs, "--set-env", "an argument of the environment")
    logs.set_defaults(run=_logs)


def _add_form(parser: Any, example: str, more: str = "") -> None:
    parser.add_argument("--format", default="d3rlpy", metavar="FORM", help=f"d3rlpy or minari{more} (%(default)s)")
    parser.add_argument(
        "--out", required=True, type=Path, metavar="PATH",
        help=f"d3rlpy: the file, e.g. {example}; minari: the folder that MINARI_DATASETS_PATH names",
    )  # fmt: skip
    parser.add_argument("--id", metavar="ID", help="of the Minari dataset, e.g. ilrec/mine-v0")


def minutes(text: str) -> float | None:
    """The value of ``--gap``."""
    return None if text == "none" else float(text)


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

    dataset, place = export(
        options.journal, options.out, partial=options.partial, transcript=options.transcript, form=options.format,
        name=options.id,
    )  # fmt: skip
    _print_dataset(dataset, place)
    if options.transcript:
        print(f"{transcript_path(place)}: to read")
    _print_opening(options, place)
    return 0


def _logs(options: argparse.Namespace) -> int:
    from ilrec_demos.logs import data_of, write_logs
    from ilrec_gym.data.log_sessions import times_are_exact

    env = environment(options)
    dataset, place = write_logs(
        env, options.out, form=options.format, name=options.id, gap=options.gap,
        log_end=options.log_end, reward=options.reward, allow_test_users=options.allow_test_users,
    )  # fmt: skip
    _print_dataset(dataset, place)
    left = sum(episode.terminated for episode in dataset.episodes)
    print(f"  mean length {dataset.lengths.mean():.1f}, ends: left {left}, cut {len(dataset) - left}")
    if not times_are_exact(data_of(env.unwrapped).interactions):
        print("  note: the times of this data set were filled in, so sessions are not those that took place")
    _print_opening(options, place)
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


def _print_dataset(dataset: Any, place: Path) -> None:
    print(f"{place}: {len(dataset)} episodes, {dataset.n_transitions} transitions, {dataset.n_actions} actions")


def _print_opening(options: argparse.Namespace, place: Path) -> None:
    if options.format == "minari":
        name = place.relative_to(options.out).as_posix()
        print(f"open: MINARI_DATASETS_PATH={options.out} and minari.load_dataset({name!r})")


def _print_statistics(journal: Any) -> None:
    header, figures = journal.header, journal.statistics()
    reasons = ", ".join(f"{reason} {count}" for reason, count in figures["exit_reasons"].items())
    means = f"mean length {figures['mean_length']:.1f}, mean return {figures['mean_return']:.1f}"
    print(f"{journal.path}: {figures['sessions']} of {header.sessions} sessions with {header.agent['name']}")
    print(f"  steps {figures['steps']}, {means}")
    print(f"  viewers {figures['users']}, films {figures['items']}, ends: {reasons or 'none'}")
