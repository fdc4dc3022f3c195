"""What commands take as an agent: a name, or the folder of a saved one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym

from ilrec_agents.base import Agent
from ilrec_agents.registry import is_registered, load_agent, make_agent
from ilrec_gym.errors import UsageError

SAYS = "a name that `ilrec agents` lists, or a saved agent's folder (./FOLDER where it is called as an agent is)"


def ready_agent(
    text: str, env: gym.Env[Any, Any], *, device: str, seed: int, config: Mapping[str, Any] | None = None,
    doing: str = "is evaluated",
) -> tuple[Agent, Path | None]:  # fmt: skip
    """An agent that can act at once, and the folder that it was read from, if it was.

    Args:
        text: A name of the registry, which comes first, or a folder.
        env: What it is made for.
        device: Where it computes.
        seed: Of an agent made by name.
        config: Settings of an agent made by name.
        doing: What it is to do, for the error.

    Raises:
        UsageError: An agent that has to learn first, or settings for a saved one.
        UnknownNameError: Neither a name nor a folder.
    """
    folder = Path(text)
    if folder.is_dir() and not is_registered(text):
        if config:
            raise UsageError("--set is for agents made by name", received=dict(config), cause=f"{text} is saved")
        return load_agent(folder, env, device=device), folder
    agent = make_agent(text, env, device=device, seed=seed, **(config or {}))
    if agent.learns_from != "nothing":
        fix = f"the folder {text} goes by ./{text}" if folder.is_dir() else "give the folder in the name's place"
        raise UsageError(
            f"the agent {text!r} must learn before it {doing}",
            received="its name",
            fix=f"ilrec train {text} --out FOLDER; {fix}",
        )
    return agent, None
