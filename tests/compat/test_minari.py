"""Minari: collect, store, load, and recover the environment, which plays the recorded sessions again."""

import gc

import gymnasium as gym
import numpy as np
import pytest

from ilrec_gym.wrappers import MaskSeen

from .conftest import OFFERED, WHOLE

minari = pytest.importorskip("minari")
pytest.importorskip("jax", reason="Minari's collector needs jax")
pytest.importorskip("h5py", reason="Minari stores HDF5")


# Minari leaves the folder that it collected into to the garbage collector.
@pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("plain", lambda: gym.make(OFFERED, split="test", max_steps=40)),
        ("named", lambda: gym.make(OFFERED, observation="dict", max_steps=10)),
        ("wrapped", lambda: MaskSeen(gym.make(WHOLE, max_steps=20), "replace")),
    ],
)
def test_a_dataset_brings_its_environment_and_the_sessions_play_again(name, make, tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    collector = minari.DataCollector(make(), record_infos=name == "plain")
    policy = np.random.default_rng(0)
    for seed in range(4):
        collector.reset(seed=seed)
        ended = False
        while not ended:
            *_, terminated, truncated, _ = collector.step(policy.integers(20))
            ended = terminated or truncated
    collector.create_dataset(
        f"ilrec/{name}/random-v0", algorithm_name="random", description="Random play.", author="ILRec-Gym",
        author_email="none", code_permalink="none", eval_env=make(),
    )  # fmt: skip
    collector.close()
    del collector
    gc.collect()

    dataset = minari.load_dataset(f"ilrec/{name}/random-v0")
    env = dataset.recover_environment()
    assert env.spec.to_json() == make().spec.to_json()
    assert dataset.total_episodes == 4 and dataset.action_space == env.action_space
    for seed, episode in enumerate(dataset.iterate_episodes()):
        first, info = env.reset(seed=seed)
        assert same(episode.observations, 0, first)
        for step, action in enumerate(episode.actions):
            observation, reward, terminated, truncated, info = env.step(action)
            assert same(episode.observations, step + 1, observation) and reward == episode.rewards[step]
            assert (terminated, truncated) == (episode.terminations[step], episode.truncations[step])
        assert terminated or truncated
        if name == "plain":
            assert episode.infos["item_id"][-1] == info["item_id"]
            assert np.char.decode(episode.infos["exit_reason"][-1:].astype(bytes))[0] == info["exit_reason"]
    minari.delete_dataset(f"ilrec/{name}/random-v0")


def same(observations, step, observation):
    if isinstance(observation, dict):
        return all(np.array_equal(observations[key][step], part) for key, part in observation.items())
    return np.array_equal(observations[step], observation)
