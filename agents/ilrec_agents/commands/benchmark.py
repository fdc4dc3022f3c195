"""The subcommand ``ilrec benchmark``: agents over seeds and environments, and the table, pictures and page of it."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from ilrec_gym.console import reports_errors


@reports_errors
def main(argv: list[str]) -> int:
    """Run ``ilrec benchmark`` with these arguments; returns the exit code: 1 where a run failed."""
    if argv[:1] in (["table"], ["report"]):
        return _again(argv[0], argv[1:])
    options = _parser().parse_args(argv)
    from ilrec_agents.benchmark.runs.runner import Runner
    from ilrec_agents.benchmark.runs.suites import suite

    chosen = suite(
        options.suite, agents=options.agents, envs=options.envs, seeds=options.seeds, users=options.users,
        device=options.device, modes=options.modes, data_steps=options.data_steps, ope=options.ope,
    )  # fmt: skip
    if options.list:
        _show(chosen, options.jobs)
        return 0
    from ilrec_agents.benchmark.report.writing import write_all

    command = f"ilrec benchmark {shlex.join(argv)}".strip()
    quiet = not sys.stderr.isatty()
    runner = Runner(options.out, options.jobs, options.backend, quiet, command, options.any_versions)
    failed = runner.run(chosen)
    print(write_all(options.out))
    for record in failed:
        where = options.out / record.get("folder", "runs") / record["key"] / "traceback.txt"
        print(f"FAILED {record['label']} (seed {record['seed']}) in {record['env']}: {record['reason']}\n  see {where}",
              file=sys.stderr)  # fmt: skip
    return 1 if failed else 0


def _again(what: str, argv: list[str]) -> int:
    """``ilrec benchmark table DIR`` and ``ilrec benchmark report DIR``: from what lies there."""
    about = "Print the Markdown table of finished runs." if what == "table" else "Write table, pictures and page anew."
    parser = argparse.ArgumentParser(prog=f"ilrec benchmark {what}", description=about)
    parser.add_argument("out", type=Path, metavar="DIR", help="the benchmark's folder")
    out = parser.parse_args(argv).out
    from ilrec_agents.benchmark.report.results import Results
    from ilrec_agents.benchmark.report.tables_file import benchmark
    from ilrec_agents.benchmark.report.writing import write_all
    from ilrec_agents.benchmark.runs.folder import Folder

    print(benchmark(Results(Folder(out))) if what == "table" else write_all(out), end="\n" * (what == "report"))
    return 0


def _show(chosen: object, workers: int) -> None:
    """What a suite would run, and about how long it would take."""
    from ilrec_agents.benchmark.report.numbers import duration
    from ilrec_agents.benchmark.runs.estimate import seconds_of, total
    from ilrec_agents.benchmark.runs.questions import questions
    from ilrec_agents.benchmark.runs.suites import Suite

    assert isinstance(chosen, Suite)
    jobs = chosen.jobs
    print(f"{chosen.name}: {chosen.about}\n")
    for env in {repr(job.env): job.env for job in jobs}.values():
        here = [job for job in jobs if job.env == env]
        print(f"{env.label}  ({env.id})")
        for label in dict.fromkeys(job.entrant.label for job in here):
            runs = [job for job in here if job.entrant.label == label]
            data = f", from {runs[0].entrant.data}" if runs[0].entrant.data else ""
            text = f"{len(runs)} x {duration(seconds_of(runs[0]))}"
            print(f"  {label:<24} {runs[0].entrant.family:<12} {text}{data}")
    users = "every test user" if chosen.users is None else f"{chosen.users} test users"
    asked = questions(chosen.ope, jobs, [job.key for job in jobs])
    if asked:
        print(f"\nJudged by a log, too: {len(asked)} x about {duration(seconds_of(asked[0]))}")
    rest = duration(total(jobs, workers) + total(asked, workers))
    print(f"\n{len(jobs)} runs, {users}; about {rest} with --jobs {workers}, datasets aside")


def _parser() -> argparse.ArgumentParser:
    from ilrec_agents.benchmark.runs.suites import SUITES

    parser = argparse.ArgumentParser(
        prog="ilrec benchmark",
        description="Train and evaluate agents over seeds and environments; what is done is not done again.",
        epilog="`ilrec benchmark table DIR` prints the table of a folder, `ilrec benchmark report DIR` writes it anew.",
    )
    add = parser.add_argument
    suites = "; ".join(f"{name}: {about}" for name, about in SUITES.items())
    add("--suite", default="quick", metavar="NAME", help=f"{suites} (%(default)s)")
    agents = "NAME, NAME:DATASET, NAME:KEY=VALUE,..., NAME:DATASET,KEY=VALUE,... or JSON, in place of the suite's"
    add("--agents", nargs="+", default=[], metavar="AGENT", help=agents)
    add("--envs", nargs="+", default=[], metavar="ENV", help="ids or JSON, in place of the suite's")
    add("--seeds", type=int, metavar="N", help="training seeds (the suite's)")
    add("--users", type=int, metavar="N", help="test users, the same for all; 0 for every one (the suite's)")
    add("--out", type=Path, default=Path("benchmark"), metavar="DIR", help="folder for all results (%(default)s)")
    add("--jobs", type=int, default=2, metavar="N", help="runs side by side (%(default)s)")
    add("--backend", default="loky", metavar="NAME", help="loky: processes here; ray: a Ray cluster (%(default)s)")
    add("--device", default="cpu", help="where learning runs: cpu, cuda or auto (%(default)s)")
    add("--modes", nargs="+", default=[], metavar="MODE", help="further modes: FB, or NX_ and a number of steps")
    add("--data-steps", type=int, metavar="N", help="steps of each named dataset (100,000)")
    ope = "judge agents by a log, too, beside what they are worth (with the suite's own agents and environments)"
    add("--ope", action=argparse.BooleanOptionalAction, help=ope)
    add("--any-versions", action="store_true", help="do not do again what other versions of the libraries have done")
    add("--list", action="store_true", help="show what would run, and about how long; run nothing")
    return parser
