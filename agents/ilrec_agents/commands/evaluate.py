"""The subcommand ``ilrec evaluate``: an agent plays every user of a split once, with 95% intervals."""

from __future__ import annotations

import argparse
from pathlib import Path

from ilrec_gym.console import add_env_arguments, add_settings, environment, reports_errors, settings


@reports_errors
def main(argv: list[str]) -> int:
    """Run ``ilrec evaluate`` with these arguments; returns the exit code."""
    options = _parser().parse_args(argv)
    from ilrec_agents.commands.ready import ready_agent
    from ilrec_gym.evaluation import evaluate
    from ilrec_gym.files import check_target

    env, config = environment(options), settings("--set", options.set)
    agent, _ = ready_agent(options.agent, env, device=options.device, seed=options.seed, config=config)
    if options.out:
        check_target(options.out)
    result = evaluate(agent, env, seed=options.seed, episodes=options.episodes)
    print(result.to_markdown())
    if options.out:
        result.save(options.out)
        print(f"written: {options.out}")
    return 0


def _parser() -> argparse.ArgumentParser:
    from ilrec_agents.commands.ready import SAYS

    parser = argparse.ArgumentParser(prog="ilrec evaluate", description="Evaluate an agent on users of a split.")
    parser.add_argument("agent", metavar="AGENT", help=SAYS)
    parser.add_argument("--episodes", type=int, metavar="N", help="only so many users (all of the split)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to keep the result (.npz)")
    parser.add_argument("--seed", type=int, default=0, help="of the sessions (%(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (%(default)s)")
    add_settings(parser, "--set", "a setting of the agent, see `ilrec agents AGENT`")
    add_env_arguments(parser)
    parser.set_defaults(split="test")
    return parser
