"""Agents of other distributions: entry points of the group ``ilrec.agents``, checked where they are met."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from dataclasses import is_dataclass
from importlib import metadata

from ilrec_agents.base import Agent
from ilrec_gym.errors import UsageError

ENTRY_POINTS = "ilrec.agents"


class PluginError(UsageError):
    """An entry point of another distribution that gives no agent."""


def plugin_points(taken: Collection[str]) -> tuple[dict[str, metadata.EntryPoint], dict[str, PluginError]]:
    """The entry points by name, and why some cannot be had.

    Args:
        taken: Names that this package's own agents have.

    Returns:
        Entry points whose names are free, and errors for the others; nothing is imported.
    """
    points: dict[str, metadata.EntryPoint] = {}
    refused: dict[str, PluginError] = {}
    for point in metadata.entry_points(group=ENTRY_POINTS):
        if point.name in taken or (point.name in points and points[point.name].value != point.value):
            owner = "ilrec-gym" if point.name in taken else package_of(points[point.name])
            refused[f"{point.name} ({package_of(point)})"] = PluginError(
                f"an agent's name must be free; {point.name!r} is {owner}'s",
                received=point.value,
                cause=f"the package {package_of(point)} was written before that name was taken",
                fix="that package must choose another name; what was there first is used",
            )
        else:
            points[point.name] = point
    return points, refused


def load_plugin(point: metadata.EntryPoint) -> type[Agent]:
    """The class of an entry point.

    Raises:
        PluginError: It cannot be imported, or is no agent.
    """
    try:
        cls = point.load()
    except Exception as error:  # somebody else's module may raise anything
        raise PluginError(
            f"the agent {point.name!r} must be importable",
            received=f"{type(error).__name__}: {error}",
            cause=f"a fault in the package {package_of(point)}, or something that it needs is not installed",
            fix=f"repair or uninstall {package_of(point)}",
        ) from error
    rule = _broken_rule(point.name, cls)
    if rule:
        raise PluginError(
            rule, received=cls, cause=f"a fault in the package {package_of(point)}",
            fix="see the tutorial on writing an agent",
        )  # fmt: skip
    found: type[Agent] = cls
    return found


def package_of(point: metadata.EntryPoint) -> str:
    """The distribution that an entry point comes from."""
    return point.dist.name if point.dist else "unknown"


def _broken_rule(name: str, cls: object) -> str:
    """The rule of plugins that a class breaks; "" if it keeps them."""
    if not (isinstance(cls, type) and issubclass(cls, Agent)):
        return f"the agent {name!r} must be a subclass of ilrec_agents.Agent"
    if inspect.isabstract(cls):
        return f"the agent {name!r} must define {', '.join(sorted(cls.__abstractmethods__))}"
    if getattr(cls, "name", None) != name:
        return f"an agent's `name` must be that of its entry point, {name!r}: saved agents are found by it"
    if not is_dataclass(cls.Config):
        return f"the settings of the agent {name!r}, its `Config`, must be a frozen dataclass"
    return ""
