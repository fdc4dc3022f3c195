"""``ilrec demos logs``: write the real rating sequences of a data set as a dataset of sessions."""

from __future__ import annotations

import argparse
from typing import Any

from ilrec_demos.commands.printing import add_form, print_dataset, print_opening
from ilrec_gym.console import add_settings, environment


def add(commands: Any) -> None:
    """Add the subcommand."""
    logs = commands.add_parser("logs", help="write the real rating sequences of a data set as a dataset of sessions")
    logs.add_argument("dataset", metavar="NAME", help="a data set, e.g. ml-latest-small")
    add_form(logs, "logs.h5", "d3rlpy or minari")
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
    logs.set_defaults(run=_run)


def minutes(text: str) -> float | None:
    """The value of ``--gap``."""
    return None if text == "none" else float(text)


def _run(options: argparse.Namespace) -> int:
    from ilrec_demos.logs import data_of, write_logs
    from ilrec_gym.data.log_sessions import times_are_exact

    env = environment(options)
    dataset, place = write_logs(
        env, options.out, form=options.format, name=options.id, gap=options.gap,
        log_end=options.log_end, reward=options.reward, allow_test_users=options.allow_test_users,
    )  # fmt: skip
    print_dataset(dataset, place)
    left = sum(episode.terminated for episode in dataset.episodes)
    print(f"  mean length {dataset.lengths.mean():.1f}, ends: left {left}, cut {len(dataset) - left}")
    if not times_are_exact(data_of(env.unwrapped).interactions):
        print("  note: the times of this data set were filled in, so sessions are not those that took place")
    print_opening(options, place)
    return 0
