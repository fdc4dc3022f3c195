"""Agents by name. Adding one is a file and a line here, or an entry point ``ilrec.agents`` in another package."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import gymnasium as gym

from ilrec_agents.base import Agent, read_about
from ilrec_agents.plugins import ENTRY_POINTS, PluginError, load_plugin, package_of, plugin_points
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError, unknown_name

AGENTS: dict[str, str] = {
    "random": "ilrec_agents.heuristic.constant:RandomAgent",
    "random_masked": "ilrec_agents.heuristic.constant:RandomMaskedAgent",
    "popular": "ilrec_agents.heuristic.constant:PopularAgent",
    "best_average": "ilrec_agents.heuristic.constant:BestAverageAgent",
    "greedy": "ilrec_agents.heuristic.personal:GreedyAgent",
    "playlist": "ilrec_agents.heuristic.personal:PlaylistAgent",
    "mmr": "ilrec_agents.heuristic.personal:MMRAgent",
    "mmr_ahead": "ilrec_agents.heuristic.personal:MMRAheadAgent",
    "retriever_top1": "ilrec_agents.heuristic.retriever:RetrieverTop1Agent",
    "retriever_random": "ilrec_agents.heuristic.retriever:RetrieverRandomAgent",
    "epsilon_greedy": "ilrec_agents.heuristic.epsilon_greedy:EpsilonGreedyAgent",
    "logging": "ilrec_agents.heuristic.logging_policy:LoggingAgent",
    "linucb": "ilrec_agents.bandit.linucb:LinUCBAgent",
    "factor_ucb": "ilrec_agents.bandit.factor_ucb:FactorUCBAgent",
    "thompson": "ilrec_agents.bandit.thompson:ThompsonAgent",
    "oracle_greedy": "ilrec_agents.heuristic.oracle:OracleGreedyAgent",
    "oracle_one_step": "ilrec_agents.heuristic.oracle:OracleOneStepAgent",
    "oracle_plan": "ilrec_agents.heuristic.oracle_plan:OraclePlanAgent",
    "ppo": "ilrec_agents.online.ppo:PPOAgent",
    "maskable_ppo": "ilrec_agents.online.maskable_ppo:MaskablePPOAgent",
    "recurrent_ppo": "ilrec_agents.online.recurrent_ppo:RecurrentPPOAgent",
    "a2c": "ilrec_agents.online.a2c:A2CAgent",
    "dqn": "ilrec_agents.online.dqn:DQNAgent",
    "qrdqn": "ilrec_agents.online.qrdqn:QRDQNAgent",
    "lcb": "ilrec_agents.bandit.lcb:LCBAgent",
    "bc": "ilrec_agents.offline.bc:BCAgent",
    "nfq": "ilrec_agents.offline.nfq:NFQAgent",
    "offline_dqn": "ilrec_agents.offline.dqn:OfflineDQNAgent",
    "ddqn": "ilrec_agents.offline.dqn:DDQNAgent",
    "bcq": "ilrec_agents.offline.bcq:BCQAgent",
    "cql": "ilrec_agents.offline.cql:CQLAgent",
    "sac": "ilrec_agents.offline.sac:SACAgent",
    "sqn": "ilrec_agents.offline.sqn:SQNAgent",
    "ips": "ilrec_agents.offline.ips:IPSAgent",
    "dt": "ilrec_agents.offline.dt:DTAgent",
    "td3_bc": "ilrec_agents.offline.continuous.td3_bc:TD3BCAgent",
    "iql": "ilrec_agents.offline.continuous.iql:IQLAgent",
    "awac": "ilrec_agents.offline.continuous.awac:AWACAgent",
    "crr": "ilrec_agents.offline.continuous.crr:CRRAgent",
    "continuous_cql": "ilrec_agents.offline.continuous.cql:ContinuousCQLAgent",
    "mopo": "ilrec_agents.model_based.mopo:MOPOAgent",
    "dorl": "ilrec_agents.model_based.dorl:DORLAgent",
    "llm": "ilrec_agents.llm.actor:LLMAgent",
    "act_only": "ilrec_agents.llm.teachers.act_only:ActOnlyAgent",
    "react": "ilrec_agents.llm.teachers.react:ReActAgent",
    "reflexion": "ilrec_agents.llm.teachers.reflexion:ReflexionAgent",
    "billp": "ilrec_agents.llm.teachers.billp:BiLLPAgent",
}
"""Name -> "module:class"."""

__all__ = [
    "AGENTS", "ENTRY_POINTS", "AgentInfo", "agent_class", "broken_plugins", "list_agents", "load_agent", "make_agent",
    "settings_of",
]  # fmt: skip


@dataclass(frozen=True)
class AgentInfo:
    """What the registry knows of an agent.

    Attributes:
        name: Its name.
        family: "heuristic", "oracle", "bandit", "online", "offline", "model_based" or "llm".
        learns_from: "nothing", "env" or "dataset".
        sees_truth: Whether it looks at what the simulator hides.
        summary: First line of its docstring.
        source: Paper, or "".
        extra: The pip extra that it needs, or "".
        package: The distribution that it comes from.
    """

    name: str
    family: str
    learns_from: str
    sees_truth: bool
    summary: str
    source: str
    extra: str
    package: str = "ilrec-gym"


def list_agents() -> list[AgentInfo]:
    """Every agent of the registry, and of installed plugins that can be loaded. Needs none of the extras."""
    points, _ = plugin_points(AGENTS)
    infos = [_info(name, agent_class(name), "ilrec-gym") for name in AGENTS]
    for name, point in points.items():
        try:
            infos.append(_info(name, load_plugin(point), package_of(point)))
        except PluginError:  # told of by broken_plugins() and by agent_class()
            continue
    return infos


def broken_plugins() -> dict[str, PluginError]:
    """Plugins that give no agent, and why: their names and the errors."""
    points, broken = plugin_points(AGENTS)
    for name, point in points.items():
        try:
            load_plugin(point)
        except PluginError as error:
            broken[name] = error
    return broken


def agent_class(name: str) -> type[Agent]:
    """The class of a registered agent.

    Raises:
        UnknownNameError: No such agent.
        PluginError: An installed plugin of that name gives no agent.
    """
    if name in AGENTS:
        module, attribute = AGENTS[name].split(":")
        cls: type[Agent] = getattr(importlib.import_module(module), attribute)
        return cls
    points, _ = plugin_points(AGENTS)
    if name not in points:
        raise unknown_name("agent", name, [*AGENTS, *points])
    return load_plugin(points[name])


def is_registered(name: str) -> bool:
    """Whether an agent goes by this name, here or in a plugin."""
    return name in AGENTS or name in plugin_points(AGENTS)[0]


def make_agent(name: str, env: gym.Env[Any, Any], *, device: str = "auto", seed: int = 0, **config: Any) -> Agent:
    """An agent by name.

    Args:
        name: A name of :func:`list_agents`.
        env: The environment that it is made for; agents take only what is public, unless they are oracles.
        device: "auto", "cpu" or "cuda", for agents that learn.
        seed: Of everything random in it.
        config: Settings, as the agent's ``Config`` documents them.

    Raises:
        UnknownNameError: No such agent or setting.
    """
    cls = agent_class(name)
    made = _config(cls, config)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise UsageError("seed must be a whole number from 0 below 2**32", received=seed)
    return cls(Task.of(env), made, seed=seed, device=device)


def settings_of(name: str, config: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All settings of an agent as JSON, its defaults among them; cards hold them, as defaults may change.

    Raises:
        UnknownNameError: No such agent or setting.
        UsageError: A value out of range.
    """
    made = json.dumps(asdict(_config(agent_class(name), config or {})))
    settings: dict[str, Any] = json.loads(made)
    return settings


def load_agent(path: str | Path, env: gym.Env[Any, Any], *, device: str = "auto") -> Agent:
    """Read a saved agent of any class.

    Raises:
        ArtefactError: Not a saved agent, or one of another version or made for another environment.
        UnknownNameError: An agent that is not installed.
    """
    return agent_class(read_about(path)["agent"]).load(path, env, device=device)


def _config(cls: type[Agent], config: Mapping[str, Any]) -> Any:
    """The agent's settings from some that are named."""
    known = [field.name for field in fields(cls.Config)]
    for key in config:
        if key not in known:
            raise unknown_name(f"setting of agent {cls.name!r}", key, known or ["(it has none)"])
    return cls.Config(**config)


def _info(name: str, cls: type[Agent], package: str) -> AgentInfo:
    summary = (cls.__doc__ or "").strip().split("\n")[0]
    return AgentInfo(name, cls.family, cls.learns_from, cls.sees_truth, summary, cls.source, cls.extra, package)
