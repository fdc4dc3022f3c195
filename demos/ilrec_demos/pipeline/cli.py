"""The subcommand ``ilrec quickstart``: the whole method, from data to a table, a picture and a page."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ilrec_gym.console import reports_errors, settings

if TYPE_CHECKING:
    from ilrec_demos.pipeline.settings import Settings


@reports_errors
def main(argv: list[str]) -> int:
    """Run ``ilrec quickstart`` with these arguments; returns the exit code."""
    options = _parser().parse_args(argv)
    from ilrec_demos.pipeline.quickstart import Quickstart

    Quickstart(_settings(options)).run()
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    from ilrec_demos.pipeline.settings import Settings

    teacher_config = settings("--set", options.set)
    if options.model:
        teacher_config["model"] = options.model
    return Settings(
        out=options.out, dataset=options.dataset, teacher=options.teacher, teacher_config=teacher_config,
        demonstrations=options.demonstrations, batch_size=options.batch_size, log_sessions=options.log_sessions,
        users=options.users or None, updates=options.updates, workers=options.workers, seed=options.seed,
    )  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ilrec quickstart",
        description="A local language model teaches a recommender. Stages that are done are not done again.",
    )
    add = parser.add_argument
    add("--out", type=Path, default=Path("quickstart"), metavar="DIR", help="folder for all results (%(default)s)")
    add("--dataset", default="ml-latest-small", metavar="NAME", help="data set (%(default)s)")
    add("--teacher", default="llm", metavar="AGENT", help="agent that demonstrates (%(default)s)")
    add("--model", default="", metavar="NAME", help="language model: a hub id, a folder, or a known name")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the teacher")
    add("--demonstrations", type=int, default=32, metavar="N", help="sessions of the teacher (%(default)s)")
    add("--batch-size", type=int, default=32, metavar="B", help="teacher's sessions side by side (%(default)s)")
    add("--log-sessions", type=int, default=5000, metavar="N", help="logged sessions (%(default)s)")
    add("--users", type=int, default=32, metavar="N", help="test users in the table; 0 for all (%(default)s)")
    add("--updates", type=int, metavar="N", help="gradient steps of each offline agent (the agent's default)")
    add("--workers", type=int, default=2, metavar="N", help="trainings side by side (%(default)s)")
    add("--seed", type=int, default=0, help="(%(default)s)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
