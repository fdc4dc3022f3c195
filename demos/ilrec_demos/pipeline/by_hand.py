"""Commands that do what a quickstart did: all of it again, and its stages one by one."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ilrec_demos.pipeline.settings import Settings
from ilrec_gym.console import settings


def again(done: Settings, **other: Any) -> str:
    """``ilrec quickstart`` with every option that is not its default, some of them changed."""
    words, default = ["ilrec", "quickstart"], Settings()
    for name in (field.name for field in fields(Settings)):
        value = other.get(name, getattr(done, name))
        if name == "teacher_config":
            words += _pairs(value)
        elif value != getattr(default, name):
            words += [f"--{name.replace('_', '-')}", str(0 if value is None else value)]
    return shlex.join(words)


def stages(done: Settings) -> tuple[str, ...]:
    """The stages of the learned reward's row, as commands that write beside what is there."""
    out, data = done.out, ["--dataset", done.dataset] if done.dataset != Settings().dataset else []
    taught = ["--agent", done.teacher, *_pairs(done.teacher_config), "--sessions", str(done.demonstrations)]
    commands = (
        ["demos", "collect", *taught, "--out", "my-demonstrations", *data],
        ["demos", "export", "my-demonstrations", "--out", "my-demonstrations.h5"],
        ["demos", "inspect", "my-demonstrations"],
        ["irl", "fit", "--demos", "my-demonstrations.h5", "--log", f"{out}/log.h5", "--out", "my-reward", *data],
        ["irl", "relabel", "--data", f"{out}/log.h5", "--reward", "my-reward", "--out", "my-log.h5", *data],
        ["train", "cql", "--data", "my-log.h5", "--out", "my-agent", *data],
        ["evaluate", "my-agent", "--split", "test", *data],
    )
    return tuple(shlex.join(["ilrec", *command]) for command in commands)


def _pairs(config: Mapping[str, Any]) -> list[str]:
    return [word for key, value in config.items() for word in ("--set", f"{key}={_word(key, value)}")]


def _word(key: str, value: Any) -> str:
    """The value as it is written: plainly where that reads back as the same word."""
    plain = isinstance(value, str) and settings("--set", [f"{key}={value}"])[key] == value
    return value if plain else json.dumps(value)
