"""The slate environment under the contracts, on the bundled data: scalar, vector, and Stable-Baselines3's checker."""

import gymnasium as gym
import pytest

from ilrec_gym.testing.envs import EnvContract, play
from ilrec_gym.testing.vector import VectorContract

SLATES, BUNDLED = "ilrec/RecSim-ML1M-v0", {"dataset": "ml-latest-small"}


class TestSlates(EnvContract):
    def make(self, **options):
        return gym.make(SLATES, **BUNDLED | options)

    def test_stable_baselines3_checker(self):
        checker = pytest.importorskip("stable_baselines3.common.env_checker")
        checker.check_env(self.make(), warn=True)

    def test_dict_observation(self):
        env = self.make(observation="dict", max_steps=5)
        for observation, *_ in play(env, seed=0, steps=20):
            assert env.observation_space.contains(observation)

    def test_masks_as_sb3_contrib_wants_them(self):
        env = self.make(info=["action_mask"])
        _, info = env.reset(seed=0)
        assert env.unwrapped.action_masks().shape == (sum(env.action_space.nvec),) == info["action_mask"].shape


class TestSlateVectors(VectorContract):
    def make(self, **options):
        return gym.make(SLATES, **BUNDLED | options)

    def make_vec(self, num_envs, **options):
        return gym.make_vec(SLATES, num_envs, vectorization_mode="vector_entry_point", **BUNDLED | options)
