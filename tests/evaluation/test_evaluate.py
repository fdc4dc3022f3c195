"""Evaluations that cannot be made are refused before anything is played."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from ilrec_gym.errors import UsageError
from ilrec_gym.evaluation import evaluate


class First:
    """Takes the first action."""

    def act(self, observations: Any, infos: Any) -> Any:
        return np.zeros(len(observations), np.int64)


@pytest.fixture(scope="module")
def env() -> Any:
    return gym.make("ilrec/MovieLens-Candidates-v0", split="test", max_steps=3)


@pytest.mark.parametrize("seed", [-1, "a", 1.0, None, True, 2**32])
@pytest.mark.parametrize("episodes", [None, 2])
def test_a_seed_that_is_none(seed: Any, episodes: int | None, env: Any) -> None:
    with pytest.raises(UsageError, match="seed must be a whole number from 0"):
        evaluate(First(), env, seed=seed, episodes=episodes)


def test_a_seed_of_numpy(env: Any, tmp_path: Any) -> None:
    found = evaluate(First(), env, seed=np.int64(3), episodes=2)  # type: ignore[arg-type]
    found.save(tmp_path / "found.npz")
    assert type(found.seed) is int and found.seed == 3


@pytest.mark.parametrize("env", [None, "ilrec/MovieLens-v0", gym.make("CartPole-v1")])
def test_no_environment_of_this_project(env: Any) -> None:
    with pytest.raises(UsageError, match=r"evaluate\(\) plays environments of ilrec_gym\n *received: "):
        evaluate(First(), env)


def test_slates() -> None:
    with pytest.raises(UsageError, match="one item per step"):
        evaluate(First(), gym.make("ilrec/RecSim-ML1M-v0", dataset="ml-latest-small"))
