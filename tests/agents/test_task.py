"""What agents cannot be made for is refused when they are made, not when they learn or act."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import pytest

from ilrec_agents import make_agent
from ilrec_agents.imitation.reward_model import make_reward_model
from ilrec_agents.model_based.world_model import make_world_model
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError


@pytest.mark.parametrize(
    "make",
    [
        lambda env: make_agent("random", env),
        lambda env: make_agent("ppo", env),
        lambda env: make_agent("linucb", env),
        lambda env: make_reward_model("gail", env),
        make_world_model,
        Task.of,
    ],
)
def test_there_are_no_agents_for_slates(make: Any) -> None:
    with pytest.raises(UsageError, match=r"one item per step\n.*slates of 3"):
        make(gym.make("ilrec/RecSim-ML1M-v0", dataset="ml-latest-small"))


@pytest.mark.parametrize("env", [None, "ilrec/MovieLens-v0", 3, gym.make("CartPole-v1")])
def test_an_agent_needs_an_environment_of_this_project(env: Any) -> None:
    for name in ("random", "cql", "ppo"):
        with pytest.raises(UsageError, match=r"must be one of ilrec_gym's\n *received: .*\n[\s\S]*gym\.make"):
            make_agent(name, env)
