"""Agents for ILRec-Gym that swap by name.

    from ilrec_agents import make_agent, list_agents

Importing it loads no learning library.
"""

from ilrec_agents.base import Agent
from ilrec_agents.registry import AgentInfo, list_agents, load_agent, make_agent, settings_of

__all__ = ["Agent", "AgentInfo", "list_agents", "load_agent", "make_agent", "settings_of"]
