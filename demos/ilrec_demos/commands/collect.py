"""``ilrec demos collect``: let an agent play sessions into a journal."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ilrec_demos.commands.printing import print_statistics
from ilrec_gym.console import add_env_arguments, add_settings, environment, settings
from ilrec_gym.files import read_json


def add(commands: Any) -> None:
    """Add the subcommand."""
    collect = commands.add_parser("collect", help="let an agent play sessions into a journal")
    collect.add_argument("--agent", required=True, metavar="AGENT", help="a name, e.g. llm, or a saved agent's folder")
    collect.add_argument("--sessions", required=True, type=int, metavar="N", help="how many")
    collect.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="the journal's folder")
    collect.add_argument("--allow-test-users", action="store_true", help="also from users that agents are evaluated on")
    collect.add_argument("--seed", type=int, default=0, help="of the first session and of the agent (%(default)s)")
    collect.add_argument("--batch-size", type=int, default=64, metavar="B", help="played side by side (%(default)s)")
    collect.add_argument("--device", default="auto", help="for agents that compute: auto, cpu, cuda (%(default)s)")
    collect.add_argument("--resume", action="store_true", help="go on with a journal that was begun")
    add_settings(collect, "--set", "a setting of the agent; values are JSON or plain words")
    add_env_arguments(collect)
    collect.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from ilrec_demos.collect import collect

    env = environment(options)
    agent, learned = _agent(options, env)
    journal = collect(
        agent,
        env,
        options.out,
        sessions=options.sessions,
        seed=options.seed,
        batch_size=options.batch_size,
        resume=options.resume,
        allow_test_users=options.allow_test_users,
        learned=learned,
    )
    print_statistics(journal)
    print(f"next: ilrec demos export {options.out} --out {options.out}.h5")
    return 0


def _agent(options: argparse.Namespace, env: Any) -> tuple[Any, dict[str, str] | None]:
    """The agent, and checksums of what it learned where it was saved."""
    from ilrec_agents.commands.ready import ready_agent

    config = settings("--set", options.set)
    agent, saved = ready_agent(
        options.agent, env, device=options.device, seed=options.seed, config=config, doing="demonstrates"
    )
    return agent, None if saved is None else read_json(saved / "agent.json")["files"]
