"""The prompts that an agent's facts name: version, checksum and text, as far as the files are at hand."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

PROMPTS = "prompt_checksums"
"""Key of a header's ``agent``: SHA-256 of each prompt by version, as it was when the sessions were collected."""


def prompts_of(agent: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Per prompt ``version``, ``sha256`` and ``text``.

    The text is None where the file is gone, has another version, or was changed since the sessions were collected; the
    checksum is None where it was not recorded either.

    Args:
        agent: ``agent`` of a journal's header.
    """
    facts, config = agent.get("facts", {}), agent.get("config", {})
    named = list(_texts(facts.get("prompt"))) + list(_texts(facts.get("prompts")))
    files = {version: content for content in _contents(config, named) if (version := _version(content))}
    recorded = agent.get(PROMPTS, {})
    return [_entry(version, files.get(version), recorded.get(version)) for version in dict.fromkeys(named)]


def _entry(version: str, content: bytes | None, recorded: str | None) -> dict[str, Any]:
    found = None if content is None else hashlib.sha256(content).hexdigest()
    if content is None or recorded not in (None, found):
        return {"version": version, "sha256": recorded, "text": None}
    return {"version": version, "sha256": found, "text": content.decode("utf-8")}


def _contents(config: Mapping[str, Any], named: list[str]) -> Iterator[bytes]:
    """The package's prompts of these versions, then the user's own: these take their place."""
    folder = resources.files("ilrec_agents.llm") / "prompts"
    for version in named:
        file = folder / f"{version}.toml"
        if "/" not in version and file.is_file():
            yield file.read_bytes()
    for name, value in config.items():
        for path in _texts(value) if name.startswith("prompt") else ():
            if path.endswith(".toml") and Path(path).is_file():
                yield Path(path).read_bytes()


def _version(content: bytes) -> str:
    try:
        return str(tomllib.loads(content.decode("utf-8")).get("version", ""))
    except ValueError:
        return ""


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value: itself, or those of a list or of a dictionary."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
