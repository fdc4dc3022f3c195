"""Prompts as TOML files: those of the package by version, the user's own by path."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from ilrec_gym.errors import ArtefactError, unknown_name

_WANTED = "prompt (a version, or the path of a .toml file)"


@dataclass(frozen=True)
class Form:
    """What the prompts of one kind must have.

    Attributes:
        kind: Beginning of their versions: "act" has act_v1.
        parts: Tables, and the text entries of each; ``version`` and ``opening`` stand outside of them.
        names: What texts may have filled in, as ``$name``.
    """

    kind: str
    parts: Mapping[str, tuple[str, ...]]
    names: tuple[str, ...]

    def read(self, name: str | Path) -> dict[str, Any]:
        """The entries of a prompt.

        Args:
            name: A version that comes with the package, or the path of a ``.toml`` file.

        Raises:
            UnknownNameError: No such version and no such file.
            ArtefactError: The file is not a prompt of this kind.
        """
        if not isinstance(name, str | os.PathLike):
            raise unknown_name(_WANTED, name, versions(self.kind))
        own = Path(name)
        if own.suffix == ".toml":
            if not own.is_file():
                raise ArtefactError("a prompt file must exist", received=str(name), cause="a wrong path")
            return self._parsed(own.read_bytes(), str(own))
        if name not in versions(self.kind):
            raise unknown_name(_WANTED, name, versions(self.kind))
        return self._parsed((_folder() / f"{name}.toml").read_bytes(), str(name))

    def filled(self, line: str, **values: object) -> str:
        """A text with its values; names that are not given leave nothing."""
        return Template(line).substitute(dict.fromkeys(self.names, "") | values)

    def _parsed(self, content: bytes, name: str) -> dict[str, Any]:
        try:
            found = tomllib.loads(content.decode("utf-8"))
        except ValueError as error:
            raise ArtefactError(f"the prompt {name} must be TOML in UTF-8", received=str(error)) from error
        missing = [key for key in ("version", "opening") if not isinstance(found.get(key), str) or not found[key]]
        for part, keys in self.parts.items():
            table = found[part] if isinstance(found.get(part), dict) else {}
            missing += [f"{part}.{key}" for key in keys if not isinstance(table.get(key), str)]
        if missing:
            raise ArtefactError(
                f"the prompt {name} must have the text entries {', '.join(missing)}",
                cause="an entry that is missing, or not a text",
                fix=f"start from a copy of {versions(self.kind)[0]}.toml",
            )
        self._check(found["opening"], "opening", name)
        for part, keys in self.parts.items():
            for key in keys:
                self._check(found[part][key], f"{part}.{key}", name)
        return found

    def _check(self, text: str, key: str, name: str) -> None:
        try:
            self.filled(text)
        except (KeyError, ValueError) as error:
            *others, last = (f"${known}" for known in self.names)
            raise ArtefactError(
                f"the prompt {name} may use {', '.join(others)} and {last} only (a dollar sign is $$)",
                received=f"{key}: {text!r}",
            ) from error


def versions(kind: str) -> list[str]:
    """Prompts of a kind that come with the package."""
    names = (file.name for file in _folder().iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.startswith(f"{kind}_") and ".toml" in name)


def _folder() -> Any:
    return resources.files("ilrec_agents.llm") / "prompts"
