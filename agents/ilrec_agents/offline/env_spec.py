"""What an environment was made from, for the cards of its sessions."""

from __future__ import annotations

import json
from typing import Any

import gymnasium as gym


def spec_of(env: gym.Env[Any, Any]) -> dict[str, Any] | None:
    """An environment's spec as JSON; None where it has none that JSON can hold (an object as ``dataset``)."""
    spec = env.unwrapped.spec
    try:
        return None if spec is None else json.loads(json.dumps(json.loads(spec.to_json())))
    except (TypeError, ValueError):
        return None
