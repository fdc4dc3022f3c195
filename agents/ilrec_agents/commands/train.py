"""The subcommand ``ilrec train``: an agent learns from datasets or from an environment, and is saved."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from ilrec_gym.console import add_env_arguments, add_settings, environment, reports_errors, settings
from ilrec_gym.errors import UsageError


@reports_errors
def main(argv: list[str]) -> int:
    """Run ``ilrec train`` with these arguments; returns the exit code."""
    options = _parser().parse_args(argv)
    from ilrec_agents import make_agent, settings_of
    from ilrec_agents.base import ABOUT
    from ilrec_agents.offline.dataset import read_all
    from ilrec_gym.cards import checksums, write_card
    from ilrec_gym.files import check_target

    env, config = environment(options), settings("--set", options.set)
    agent = make_agent(options.agent, env, device=options.device, seed=options.seed, **config)
    if (agent.learns_from == "dataset") != bool(options.data):
        wanted = "at least one --data" if agent.learns_from == "dataset" else "no --data"
        raise UsageError(
            f"the agent {agent.name!r} learns from {agent.learns_from} and must be given {wanted}",
            received=[str(path) for path in options.data],
        )
    check_target(options.out, mark=ABOUT)
    start = time.perf_counter()
    if options.data:
        agent.fit(read_all(options.data))
    else:
        agent.fit(env)
    seconds = time.perf_counter() - start
    agent.save(options.out)
    parameters = {"agent": agent.name, "config": settings_of(agent.name, config), "env": options.env}
    write_card(
        options.out / ABOUT, kind="agent", parameters=parameters,
        inputs=checksums(options.data), seed=options.seed, seconds=seconds,
    )  # fmt: skip
    print(f"{options.out}: {agent.name}, trained in {seconds:.0f} s")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ilrec train", description="Train an agent and save it as a folder.")
    parser.add_argument("agent", metavar="AGENT", help="a name that `ilrec agents` lists, e.g. cql")
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="where it is saved")
    parser.add_argument(
        "--data", action="append", default=[], type=Path, metavar="FILE", help="a dataset (.h5); may be repeated"
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything random (%(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (%(default)s)")
    add_settings(parser, "--set", "a setting of the agent, see `ilrec agents AGENT`")
    add_env_arguments(parser)
    return parser
