"""The subcommand ``ilrec agents``: which agents there are, and the settings of one."""

from __future__ import annotations

import argparse
import inspect
import sys
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING

from ilrec_gym.console import reports_errors

if TYPE_CHECKING:
    from ilrec_agents.registry import AgentInfo

FAMILIES = {
    "heuristic": "Rules; they learn nothing",
    "bandit": "Bandits: learn by playing what the next rating will be",
    "online": "Learn by playing in the environment",
    "offline": "Learn from a dataset of sessions",
    "model_based": "Learn a world model from a dataset, and play in it",
    "llm": "Language models",
    "oracle": "Oracles: they see what the simulator hides, and are bounds",
}
"""Family -> heading, in the order in which they are listed."""


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
    from ilrec_agents.registry import broken_plugins, list_agents

    agents = list_agents()
    width = max(len(agent.name) for agent in agents)
    for family in [*FAMILIES, *sorted({agent.family for agent in agents} - FAMILIES.keys())]:
        members = [agent for agent in agents if agent.family == family]
        if members:
            print(f"{FAMILIES.get(family, family)}:")
        for agent in members:
            print(f"  {agent.name:<{width}}  {agent.learns_from:<7}  {_told(agent)}")
    print("\nThe second column is what fit() learns from. `ilrec agents NAME` shows the settings of one.")
    for name, error in broken_plugins().items():
        print(f"\nnot usable: {name}: {error}", file=sys.stderr)


def _told(agent: AgentInfo) -> str:
    notes = [
        agent.source,
        f"needs the extra {agent.extra}" if agent.extra else "",
        f"from the package {agent.package}" if agent.package != "ilrec-gym" else "",
    ]
    said = "; ".join(note for note in notes if note)
    return agent.summary + (f" [{said}]" if said else "")


def _show(name: str) -> None:
    from ilrec_agents.registry import agent_class

    cls = agent_class(name)
    print(inspect.getdoc(cls))
    print(f"\nfamily {cls.family}, learns from {cls.learns_from}{f', source: {cls.source}' if cls.source else ''}")
    print(f"\n{inspect.getdoc(cls.Config)}")
    for field in fields(cls.Config):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        print(f"  --set {field.name}={default}")
