"""EasyRL4Rec's modes of evaluation.

``FB``: items may be shown again, nothing is masked. ``NX_0``: no item is shown twice, and users leave as they like; it
is what tables show. ``NX_k``, such as NX_10: no item is shown twice, nobody leaves, every session has exactly k steps.
"""

from __future__ import annotations

import re
from typing import Any

from ilrec_agents.base import Actions, Agent, Infos, Observations
from ilrec_agents.benchmark.runs.plan import EnvPlan
from ilrec_gym.errors import UsageError

_STEPS = re.compile(r"NX_([1-9]\d{0,3})")
_NEVER = 1e9  # patience that no session uses up


class Unmasked:
    """An agent that is not told what it may not do again."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self.name, self.config = agent.name, agent.config
        self.info = tuple(part for part in agent.info if part != "action_mask")

    def act(self, observations: Observations, infos: Infos) -> Actions:
        """The agent's choice among all actions."""
        return self._agent.act(observations, infos)


def check_mode(mode: str) -> str:
    """The mode, where there is such a one.

    Raises:
        UsageError: There is not.
    """
    if mode in ("FB", "NX_0") or _STEPS.fullmatch(mode):
        return mode
    raise UsageError("a mode must be FB, NX_0, or NX_ and a number of steps", received=mode, fix="e.g. NX_10")


def policy_of(mode: str, agent: Agent) -> Any:
    """Who plays in a mode."""
    return Unmasked(agent) if check_mode(mode) == "FB" else agent


def env_of(mode: str, plan: EnvPlan, split: str) -> Any:
    """The environment of a mode; for exactly k steps one whose users have endless patience.

    Raises:
        UsageError: Exactly k steps under a user model that has no patience to be made endless.
    """
    steps = _STEPS.fullmatch(check_mode(mode))
    if steps is None:
        return plan.make(split)
    model = plan.make(split).unwrapped.describe()["user_model"]
    if model.get("name") != "satiation":
        raise UsageError(
            "sessions of exactly k steps need the user model 'satiation'", received=model.get("name"),
            cause="its users have a patience; the published rules let users leave for other reasons",
        )  # fmt: skip
    endless = {**model, "patience": _NEVER}
    return EnvPlan(plan.id, {**plan.kwargs, "user_model": endless, "max_steps": int(steps[1])}).make(split)
