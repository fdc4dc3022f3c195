"""Agents that explore: what they do most of the time, how often they do otherwise, and what they learn from it."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ilrec_agents import make_agent
from ilrec_gym.errors import UsageError
from ilrec_gym.testing.agents import begin


@pytest.mark.parametrize("scores", ["greedy", "popular", "mmr"])
@pytest.mark.parametrize("env_id", ["ilrec/MovieLens-Candidates-v0", "ilrec/MovieLens-v0"])
def test_epsilon_greedy_takes_the_best_but_for_epsilon(scores: str, env_id: str) -> None:
    env = gym.make(env_id)
    agent, best = make_agent("epsilon_greedy", env, epsilon=0.25, scores=scores), make_agent(scores, env)
    _, observations, infos = begin(env, agent)
    infos["action_mask"][:, ::3] = False
    probabilities, mask = agent.probabilities(observations, infos), infos["action_mask"]
    rows, chosen = np.arange(len(mask)), best.act(observations, infos)
    floor = 0.25 / mask.sum(axis=1)
    assert_allclose(probabilities.sum(axis=1), 1)
    assert_allclose(probabilities[rows, chosen], 0.75 + floor)
    probabilities[rows, chosen] = floor
    assert_allclose(probabilities, np.where(mask, floor[:, None], 0))


def test_epsilon_is_a_chance(env: gym.Env) -> None:
    assert_array_equal(make_agent("epsilon_greedy", env, epsilon=1).config.epsilon, 1)
    for settings in ({"epsilon": 1.5}, {"epsilon": -0.1}, {"scores": "oracle_greedy"}):
        bad: dict[str, Any] = settings
        with pytest.raises(UsageError, match="epsilon|scores"):
            make_agent("epsilon_greedy", env, **bad)
