"""A tiny world whose values are known, and sessions that were logged in it."""

from __future__ import annotations

from functools import cache
from typing import Any

import gymnasium as gym
import numpy as np
from tiny import tiny

from ilrec_agents import make_agent
from ilrec_agents.base import Agent, Infos, Observations, StochasticAgent, allowed
from ilrec_agents.datasets.playing import play
from ilrec_agents.offline.dataset import DatasetTask, SessionDataset


class Scorer(StochasticAgent):
    """Prefers places on offer by the public rating that is predicted for them, with a chance for all."""

    name = "scorer"

    def probabilities(self, observations: Observations, infos: Infos) -> np.ndarray:
        offered = self.task.layout.candidates(observations)[..., 0]
        chances = np.exp(3.0 * offered) * allowed(infos, offered.shape)
        return chances / chances.sum(axis=1, keepdims=True)


@cache
def world() -> gym.Env[Any, Any]:
    return tiny("offered")


@cache
def logged(steps: int = 8000, first_seed: int = 0) -> SessionDataset:
    """Sessions of a uniform choice in the tiny world, with all extras."""
    env = world()
    base: Any = env.unwrapped
    episodes = play(make_agent("retriever_random", env), base, steps=steps, first_seed=first_seed)
    return SessionDataset(episodes, int(base.sessions.n_actions), base.layout.size, DatasetTask(base.describe()))


def bundled_sessions(*, max_steps: int, steps: int) -> tuple[gym.Env[Any, Any], SessionDataset]:
    """Sessions of the logging policy in the bundled environment with items on offer."""
    env = gym.make("ilrec/MovieLens-Candidates-v0", max_steps=max_steps)
    base: Any = env.unwrapped
    episodes = play(make_agent("logging", env), base, steps=steps, first_seed=0)
    return env, SessionDataset(episodes, int(base.sessions.n_actions), base.layout.size, DatasetTask(base.describe()))


def value_by_enumeration(agent: Agent, env: gym.Env[Any, Any], horizon: int) -> float:
    """The mean over users of the expected return, by trying every sequence of actions."""
    from itertools import product

    base: Any = env.unwrapped
    plans = np.array(list(product(range(base.sessions.n_actions), repeat=horizon)))
    total = 0.0
    for user in base.users:
        sessions = base.batch(len(plans), ["action_mask", "history"])
        observations, infos = sessions.reset(np.full(len(plans), user), seeds=np.zeros(len(plans), np.int64))
        chance = np.ones(len(plans))
        for action in plans.T:
            chance = chance * agent.probabilities(observations, infos)[np.arange(len(plans)), action]
            observations, *_, infos = sessions.step(action)
        total += chance @ np.nansum(sessions.state.ratings[:, :horizon], axis=1)
    return total / len(base.users)
