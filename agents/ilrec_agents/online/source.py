"""What an online agent may learn from."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker

from ilrec_agents.descriptions import differences
from ilrec_agents.task import Task
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.errors import UsageError
from ilrec_gym.wrappers.learned_reward import LearnedReward, RewardFunction

_FAR = 20  # bits: an agent plays fewer than 2^20 training sessions side by side or one after the other
_HARMLESS = (OrderEnforcing, PassiveEnvChecker)  # what gym.make puts around every environment


def first_session(seed: int) -> int:
    """The seed of an agent's first training session. Agents of different seeds share no sessions."""
    return seed << _FAR


def playable(source: Any, task: Task, *, allow_test_users: bool) -> tuple[MovieLensEnv, RewardFunction | None]:
    """The environment itself, and the learned reward that a wrapper pays in place of the viewer's rating.

    Raises:
        UsageError: Not the environment that the agent is made for, other wrappers, or test users without leave.
    """
    reward: RewardFunction | None = None
    env = source
    while isinstance(env, gym.Wrapper):
        if isinstance(env, LearnedReward):
            reward = env.reward_model if reward is None else reward  # the outermost has the last word
        elif not isinstance(env, _HARMLESS):
            raise UsageError(
                "an agent that plays many sessions at once must be given an environment without wrappers",
                received=type(env).__name__,
                cause="a wrapper, whose work would be left out",
                fix="LearnedReward is the one wrapper that is followed",
            )
        env = env.env
    if not isinstance(env, MovieLensEnv):
        raise UsageError(
            "an online agent must be given an environment of ilrec_gym",
            received=source,
            cause="a dataset, a name, or another package's environment",
            fix='agent.fit(gym.make("ilrec/MovieLens-Candidates-v0"))',
        )
    if env.fingerprint != task.fingerprint:
        raise UsageError(
            "the agent must learn in the environment that it is made for",
            received=f"differs in: {differences(task.description, env.describe())}",
            cause="another data set, user model, horizon or form of the environment",
            fix="make the agent with this environment",
        )
    if env.split != "train" and not allow_test_users:
        raise UsageError(
            'an agent must learn with the split "train"',
            received=env.split,
            cause="agents are evaluated on test users; learning from them makes the evaluation worthless",
            fix='gym.make(..., split="train"), or allow_test_users=True if that is meant',
        )
    return env, reward
