"""Tianshou's vectorised Gymnasium adapters, its collector, and a short training run."""

import gymnasium as gym
import numpy as np
import pytest

from .conftest import OFFERED

pytest.importorskip("tianshou")


def test_rows_play_what_single_environments_play():
    from tianshou.env import DummyVectorEnv

    envs, singles = DummyVectorEnv([lambda: gym.make(OFFERED)] * 3), [gym.make(OFFERED) for _ in range(3)]
    envs.seed([4, 5, 6])  # resets each with its seed; the next reset begins the second session of it
    for row, env in enumerate(singles):
        env.reset(seed=4 + row)
    assert np.array_equal(envs.reset()[0], [env.reset()[0] for env in singles])
    for step in range(5):
        rewards = envs.step(np.array([step, 0, 1]))[1]
        assert rewards.tolist() == [env.step(action)[1] for env, action in zip(singles, (step, 0, 1), strict=True)]


@pytest.mark.parametrize("kind", ["DummyVectorEnv", "SubprocVectorEnv"])
def test_dqn_collects_and_learns(kind):
    import tianshou.env
    from tianshou.algorithm import DQN
    from tianshou.algorithm.modelfree.dqn import DiscreteQLearningPolicy
    from tianshou.algorithm.optim import AdamOptimizerFactory
    from tianshou.data import Collector, VectorReplayBuffer
    from tianshou.utils.net.common import Net

    envs = getattr(tianshou.env, kind)([lambda: gym.make(f"ilrec_gym:{OFFERED}")] * 2)
    try:
        env = gym.make(OFFERED)
        net = Net(state_shape=env.observation_space.shape, action_shape=20, hidden_sizes=[32])
        policy = DiscreteQLearningPolicy(model=net, action_space=env.action_space, eps_training=0.5)
        algorithm = DQN(policy=policy, optim=AdamOptimizerFactory(lr=1e-3), target_update_freq=50)
        buffer = VectorReplayBuffer(2000, 2)
        collector = Collector(algorithm, envs, buffer)
        collector.reset()
        collected = collector.collect(n_episode=4)
        assert collected.n_collected_episodes == 4 and len(buffer) == collected.n_collected_steps
        assert collected.returns.min() > 0 and collected.lens.max() <= 100
        before = [part.clone() for part in net.parameters()]
        with policy_within_training(algorithm):
            algorithm.update(buffer=buffer, sample_size=32)
        assert any((a != b).any() for a, b in zip(before, net.parameters(), strict=True))
    finally:
        envs.close()


def policy_within_training(algorithm):
    from tianshou.utils.torch_utils import policy_within_training_step

    return policy_within_training_step(algorithm.policy)
