"""The wrapper that pays a learned reward: checked by Gymnasium, pickled, and honest about the true rating."""

from __future__ import annotations

import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from ilrec_agents import make_agent
from ilrec_agents.imitation.reward_model import make_reward_model
from ilrec_gym.errors import UsageError
from ilrec_gym.evaluation import evaluate
from ilrec_gym.wrappers.learned_reward import LearnedReward

CANDIDATES = "ilrec/MovieLens-Candidates-v0"
# The checker says of every wrapper that it is one; everything else it says is an error.
wrapped = pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version:UserWarning")


def place(observations: Any, actions: Any, next_observations: Any, terminals: Any) -> Any:
    """A reward that shows what it was given: the place chosen, the step it was at, and whether it was the last."""
    steps = np.expm1(next_observations[:, -121]).round() - np.expm1(observations[:, -121]).round()
    return actions + 100.0 * steps + 1000.0 * terminals


@wrapped
def test_gymnasium_checker() -> None:
    check_env(LearnedReward(gym.make(CANDIDATES, disable_env_checker=True), place), skip_render_check=True)


@pytest.mark.parametrize("observation", ["box", "dict"])
def test_the_model_is_given_each_transition_once(observation: str) -> None:
    plain, paid = (gym.make(CANDIDATES, observation=observation) for _ in range(2))
    paid = LearnedReward(paid, place)
    plain.reset(seed=4)
    paid.reset(seed=4)
    for step in range(200):
        action = step % 20
        _, rating, terminated, truncated, _ = plain.step(action)
        _, reward, *flags, info = paid.step(action)
        assert reward == pytest.approx(action + 100 + 1000 * terminated)
        assert info["rating"] == rating
        assert flags == [terminated, truncated]
        if terminated or truncated:
            plain.reset()
            paid.reset()


@wrapped
def test_with_a_reward_model_it_pickles(env: gym.Env, play: Any) -> None:
    few = make_reward_model("gail", env, updates=25, hidden=8).fit(play("popular", 10), play("logging", 20))
    paid = LearnedReward(gym.make(CANDIDATES).unwrapped, few)
    check_env(paid, skip_render_check=True)
    paid.reset(seed=0)
    twin = pickle.loads(pickle.dumps(paid))
    first, second = paid.step(3), twin.step(3)
    assert first[1] == second[1]
    assert first[1] != first[4]["rating"]


def test_evaluation_sees_the_rating(env: gym.Env) -> None:
    paid = LearnedReward(gym.make(CANDIDATES), place)
    plain, paid_for = (evaluate(make_agent("popular", e), e, episodes=5).R_traj.mean for e in (env, paid))
    assert plain == paid_for


@pytest.mark.parametrize("wrong", [lambda *_: np.array([np.nan]), lambda *_: 1.0, lambda *_: np.ones(2)])
def test_a_reward_that_is_not_one_finite_number_is_refused(wrong: Any) -> None:
    paid = LearnedReward(gym.make(CANDIDATES), wrong)
    paid.reset(seed=0)
    with pytest.raises(UsageError, match="one finite number"):
        paid.step(0)


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(UsageError, match="callable"):
        LearnedReward(gym.make(CANDIDATES), "reward/")  # type: ignore[arg-type]


def test_a_step_before_the_first_reset_is_refused() -> None:
    with pytest.raises(UsageError, match="reset"):
        LearnedReward(gym.make(CANDIDATES).unwrapped, place).step(0)
