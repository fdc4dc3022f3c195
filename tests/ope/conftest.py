"""A tiny world and policies for it whose values are known."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import pytest
from logged_worlds import Scorer, world

from ilrec_agents import make_agent
from ilrec_agents.base import Agent
from ilrec_agents.ope import softened
from ilrec_agents.task import Task


@pytest.fixture(scope="session")
def env() -> gym.Env[Any, Any]:
    return world()


@pytest.fixture(scope="session")
def targets(env: gym.Env[Any, Any]) -> dict[str, Agent]:
    top = make_agent("retriever_top1", env)
    return {
        "top": top,
        "half": softened(top, epsilon=0.5),
        "scorer": Scorer(Task.of(env), None),
    }
