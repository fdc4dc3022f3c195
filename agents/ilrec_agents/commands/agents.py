"""The subcommand ``ilrec agents``: which agents there are, and the settings of one."""

from __future__ import annotations

import argparse
import inspect
from dataclasses import fields

from ilrec_gym.console import reports_errors


@reports_errors
def main(argv: list[str]) -> int:
    """Run ``ilrec agents`` with these arguments; returns the exit code."""
    parser = argparse.ArgumentParser(prog="ilrec agents", description="Agents by name, and their settings.")
    parser.add_argument("name", nargs="?", metavar="NAME", help="an agent, to see its settings")
    name = parser.parse_args(argv).name
    if name is None:
        _list()
    else:
        _show(name)
    return 0


def _list() -> None:
    from ilrec_agents import list_agents

    agents = list_agents()
    width = max(len(agent.name) for agent in agents)
    for agent in agents:
        needs = f" [needs {agent.extra}]" if agent.extra else ""
        print(f"{agent.name:<{width}}  {agent.family:<9}  {agent.summary}{needs}")


def _show(name: str) -> None:
    from ilrec_agents.registry import agent_class

    cls = agent_class(name)
    print(inspect.getdoc(cls))
    print(f"\nfamily {cls.family}, learns from {cls.learns_from}{f', source: {cls.source}' if cls.source else ''}")
    print(f"\n{inspect.getdoc(cls.Config)}")
    for field in fields(cls.Config):
        print(f"  --set {field.name}={field.default}")
