"""Every registered id runs through the environments' contract, and through Stable-Baselines3's checker."""

import subprocess
import sys

import gymnasium as gym
import pytest
from third_party import TastingEnv

import ilrec_gym
from ilrec_gym.testing.envs import EnvContract, play
from ilrec_gym.testing.vector import VectorContract

# One data set is bundled; ids on others run where the data lie.
ENV_IDS = [
    pytest.param(env_id, marks=[pytest.mark.ml1m] if entry.options.get("dataset") else [])
    for env_id, entry in ilrec_gym.ENV_IDS.items()
]


@pytest.mark.parametrize("env_id", ENV_IDS)
class TestRegistered(EnvContract):
    @pytest.fixture(autouse=True)
    def chosen(self, env_id):
        self.env_id = env_id

    def make(self, **options):
        return gym.make(self.env_id, **options)

    def test_stable_baselines3_checker(self):
        checker = pytest.importorskip("stable_baselines3.common.env_checker")
        checker.check_env(self.make(), warn=True)

    def test_dict_observation(self):
        env = self.make(observation="dict", max_steps=5)
        for observation, *_ in play(env, seed=0, steps=20):
            assert env.observation_space.contains(observation)

    def test_no_step_limit_wrapper(self):
        assert gym.spec(self.env_id).max_episode_steps is None

    def test_masks_as_sb3_contrib_wants_them(self):
        env = self.make(info=["action_mask"])
        _, info = env.reset(seed=0)
        space = env.action_space
        n = space.n if isinstance(space, gym.spaces.Discrete) else space.nvec.sum()
        assert env.unwrapped.action_masks().shape == (n,) == info["action_mask"].shape


@pytest.mark.parametrize("env_id", ENV_IDS)
class TestRegisteredVectors(VectorContract):
    @pytest.fixture(autouse=True)
    def chosen(self, env_id):
        self.env_id = env_id

    def make(self, **options):
        return gym.make(self.env_id, **options)

    def make_vec(self, num_envs, **options):
        return gym.make_vec(self.env_id, num_envs, vectorization_mode="vector_entry_point", **options)


class TestThirdParty(EnvContract):
    def make(self, **options):
        if "tests/Tasting-v0" not in gym.registry:
            gym.register("tests/Tasting-v0", "third_party:TastingEnv")
        return gym.make("tests/Tasting-v0", **options)


class Broken(TastingEnv):
    """Reports the horizon as a departure, a mistake of many simulators."""

    def step(self, action):
        observation, reward, left, reached, info = super().step(action)
        return observation, reward, left or reached, False, info


def test_the_contract_finds_a_horizon_that_is_reported_as_a_departure():
    contract = EnvContract()
    contract.make = Broken
    with pytest.raises(AssertionError):
        contract.test_flags_and_spaces()


def test_importing_registers_and_does_nothing_else():
    heavy = {"torch", "d3rlpy", "stable_baselines3", "transformers", "matplotlib", "pandas"}
    code = f"import sys, ilrec_gym; print(sorted({heavy} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (out.stdout, out.stderr) == ("[]\n", "")
