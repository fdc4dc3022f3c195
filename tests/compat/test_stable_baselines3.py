"""Stable-Baselines3 and sb3-contrib, as their own documentation uses them."""

import gymnasium as gym
import numpy as np
import pytest

from ilrec_gym.wrappers import ItemEmbeddingAction, MaskSeen

from .conftest import OFFERED, WHOLE

sb3 = pytest.importorskip("stable_baselines3")
evaluation = pytest.importorskip("stable_baselines3.common.evaluation")
utils = pytest.importorskip("stable_baselines3.common.env_util")

ON_POLICY = {"n_steps": 64, "batch_size": 32}
OFF_POLICY = {"learning_starts": 40, "buffer_size": 1000, "batch_size": 32}


def weights(model):
    return np.concatenate([part.detach().numpy().ravel() for part in model.policy.parameters()])


@pytest.mark.parametrize(
    ("algorithm", "env", "settings"),
    [
        ("PPO", lambda: gym.make(OFFERED), ON_POLICY),
        ("PPO", lambda: gym.wrappers.FlattenObservation(gym.make(OFFERED, observation="dict")), ON_POLICY),
        ("DQN", lambda: gym.make(OFFERED), OFF_POLICY),
        ("DQN", lambda: MaskSeen(gym.make(WHOLE), "replace"), OFF_POLICY),
        ("SAC", lambda: ItemEmbeddingAction(gym.make(WHOLE)), OFF_POLICY),
        ("TD3", lambda: ItemEmbeddingAction(gym.make(WHOLE)), OFF_POLICY),
        ("DDPG", lambda: ItemEmbeddingAction(gym.make(WHOLE)), OFF_POLICY),
    ],
)
def test_trains_saves_and_plays(algorithm, env, settings, tmp_path):
    env = env()
    model = getattr(sb3, algorithm)("MlpPolicy", env, seed=0, device="cpu", **settings)
    before = weights(model)
    model.learn(128)
    assert not np.array_equal(before, weights(model)), "something was learned"
    model.save(tmp_path / "model")
    again = getattr(sb3, algorithm).load(tmp_path / "model", env=env, device="cpu")
    returns, lengths = evaluation.evaluate_policy(again, again.get_env(), 3, return_episode_rewards=True)
    low, high = env.unwrapped.scenario.rating_scale
    for total, length in zip(returns, lengths, strict=True):
        assert 1 <= length <= 100 and low * length <= total <= high * length


def test_named_parts_of_the_observation():
    env = gym.make(OFFERED, observation="dict")
    model = sb3.PPO("MultiInputPolicy", env, seed=0, device="cpu", **ON_POLICY).learn(64)
    observation, _ = env.reset(seed=0)
    assert env.action_space.contains(int(model.predict(observation)[0]))


def test_rows_in_processes_of_their_own():
    """The module in front of the id registers it wherever the environment is made."""
    vec_env = pytest.importorskip("stable_baselines3.common.vec_env")
    envs = utils.make_vec_env(f"ilrec_gym:{OFFERED}", n_envs=2, seed=3, vec_env_cls=vec_env.SubprocVecEnv)
    try:
        first = envs.reset()
        plain = [gym.make(OFFERED).reset(seed=3 + row)[0] for row in range(2)]
        assert np.array_equal(first, np.stack(plain))
        ended = 0
        while not ended:
            observations, rewards, dones, infos = envs.step(np.zeros(2, int))
            for row in np.flatnonzero(dones):
                assert infos[row]["terminal_observation"].shape == observations[row].shape
                assert infos[row]["episode"]["l"] == infos[row]["step"]
                ended += 1
    finally:
        envs.close()


def masked_ppo(env):
    contrib = pytest.importorskip("sb3_contrib")
    return contrib.MaskablePPO("MlpPolicy", env, seed=0, device="cpu", **ON_POLICY).learn(128)


@pytest.mark.parametrize("env", [lambda: gym.make(WHOLE), lambda: MaskSeen(gym.make(WHOLE), "refuse")])
def test_maskable_ppo_never_repeats_a_film(env):
    """With masks no film of the profile or the session is shown; the same policy without them repeats its favourite."""
    masks = pytest.importorskip("sb3_contrib.common.maskable.utils")
    env = env()
    model = masked_ppo(env)
    assert masks.is_masking_supported(model.get_env())
    shown = {}
    for masked in (True, False):
        plays = env if masked else env.unwrapped
        observation, info = plays.reset(seed=5)
        seen = set(env.unwrapped.scenario.users.profile_items[info["user_index"]].tolist())
        items, ended = [], False
        while not ended:
            mask = masks.get_action_masks(env) if masked else None
            action, _ = model.predict(observation, action_masks=mask, deterministic=True)
            observation, _, terminated, truncated, info = plays.step(int(action))
            items.append(info["item_index"])
            ended = terminated or truncated
        shown[masked] = items
        if masked:
            assert not seen & set(items)
    assert len(shown[True]) == len(set(shown[True])) > 1
    assert len(shown[False]) > len(set(shown[False]))
