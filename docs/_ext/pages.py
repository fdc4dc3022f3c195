"""Writes the pages that come from the code, one per environment class and one per package."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym

import ilrec_agents
import ilrec_demos
import ilrec_gym
from ilrec_agents.registry import agent_class

PACKAGES = (ilrec_gym, ilrec_agents, ilrec_demos)


def write_all(source: Path) -> None:
    """Write every generated page under the site's source folder; an unchanged page keeps its time stamp."""
    pages = {f"environments/{name.split('/')[1]}.md": environment_page(name) for name in environment_ids()}
    for package in PACKAGES:
        pages |= {f"api/{name}.md": text for name, text in api_pages(package)}
    for folder in ("environments", "api"):
        for old in (source / folder).glob("*.md"):
            if old.name != "index.md" and f"{folder}/{old.name}" not in pages:
                old.unlink()
    for path, text in pages.items():
        target = source / path
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(exist_ok=True)
            target.write_text(text, encoding="utf-8")


def environment_ids() -> list[str]:
    """The first id of each environment class: the others only fix arguments of it."""
    first: dict[str, str] = {}
    for name, entry in ilrec_gym.ENV_IDS.items():
        first.setdefault(entry.entry_point, name)
    return sorted(first.values())


def environments_table() -> str:
    """Every id and the arguments that it fixes, as a Markdown table."""
    pages = {gym.spec(name).entry_point: name for name in environment_ids()}
    rows = []
    for name, entry in ilrec_gym.ENV_IDS.items():
        page = pages[entry.entry_point]
        fixed = ", ".join(f"`{key}={value!r}`" for key, value in entry.options.items())
        rows.append(f"| `{name}` | {fixed} | [{page}]({page.split('/')[1]}.md) |")
    return "| id | arguments that it fixes | page |\n|---|---|---|\n" + "\n".join(rows)


def environment_page(name: str) -> str:
    """The page of one id: what ``gym.make`` gives, then the class's own docstring, which is Markdown."""
    env = gym.make(name, dataset="ml-latest-small")
    facts = [
        ("Action space", f"`{env.action_space}`"),
        ("Observation space", f"`{_space(env.observation_space)}`"),
        ("Make", f'`gymnasium.make("{name}")`'),
    ]
    rows = "\n".join(f"| **{key}** | {value} |" for key, value in facts)
    return f"# {name}\n\n| | |\n|---|---|\n{rows}\n\n{environment_docstring(name)}\n"


def environment_docstring(name: str) -> str:
    """The docstring of the class behind an id."""
    entry = gym.spec(name).entry_point
    module, _, attribute = str(entry).partition(":")
    found = inspect.getdoc(getattr(importlib.import_module(module), attribute))
    if not found:
        raise ValueError(f"{entry} has no docstring")
    return found


def _space(space: gym.Space) -> str:
    # A Box prints its whole bounds; its shape says enough.
    return f"Box({space.shape}, {space.dtype})" if isinstance(space, gym.spaces.Box) else str(space)


def agents_table() -> str:
    """The registered agents as a Markdown table."""
    head = "| name | what it does | family | learns from | needs |\n|---|---|---|---|---|\n"
    return head + "\n".join(_agent_row(info) for info in ilrec_agents.list_agents())


def _agent_row(info: ilrec_agents.AgentInfo) -> str:
    needs = f"`{info.extra}`" if info.extra else ""
    summary = _markdown(info.summary) + (f" *{info.source}*" if info.source else "")
    return f"| `{info.name}` | {summary} | {info.family} | {info.learns_from} | {needs} |"


def settings_tables() -> str:
    """For each agent that has settings: their names, defaults and meanings, from its documented ``Config``."""
    parts = []
    for info in ilrec_agents.list_agents():
        config = agent_class(info.name).Config
        meanings: dict[str, str] = {}
        for base in reversed(config.__mro__):  # settings may be documented where they are inherited from
            meanings |= _attributes(inspect.cleandoc(base.__doc__ or ""))
        rows = [
            f"| `{field.name}` | `{_default(field)}` | {_markdown(meanings[field.name])} |" for field in fields(config)
        ]
        if rows:
            parts.append(f"### {info.name}\n\n| setting | default | meaning |\n|---|---|---|\n" + "\n".join(rows))
    return "\n\n".join(parts)


def _attributes(doc: str) -> dict[str, str]:
    """The "Attributes:" section of a Google-style docstring, each meaning on one line."""
    _, _, section = doc.partition("Attributes:\n")
    found = re.findall(r"^    (\w+): (.*(?:\n {6,}.*)*)", section, re.MULTILINE)
    return {name: " ".join(meaning.split()) for name, meaning in found}


def _default(field: Field[Any]) -> str:
    value = field.default_factory() if field.default_factory is not MISSING else field.default
    return "required" if value is MISSING else json.dumps(value)


def _markdown(text: str) -> str:
    """Docstring markup as Markdown, fit for a table's cell."""
    return re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text).replace("``", "`").replace("|", "\\|")


def api_pages(package: ModuleType) -> Iterator[tuple[str, str]]:
    """For the package and each of its subpackages: the name, and a page that documents its modules."""
    groups: dict[str, list[str]] = {package.__name__: []}
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.ispkg:
            groups[module.name] = []
        elif not module.name.rpartition(".")[2].startswith("_"):
            groups[module.name.rpartition(".")[0]].append(module.name)
    for name, modules in groups.items():
        parts = [f"# {name}", _directive("automodule", name)]
        for module in modules:
            parts += [
                f"## {module.removeprefix(name + '.')}",
                _directive("automodule", module, "members", "ignore-module-all", "show-inheritance"),
            ]
        yield name, "\n\n".join(parts) + "\n"


def _directive(directive: str, argument: str, *options: str) -> str:
    lines = "".join(f"   :{option}:\n" for option in options)
    return f"```{{eval-rst}}\n.. {directive}:: {argument}\n{lines}```"
