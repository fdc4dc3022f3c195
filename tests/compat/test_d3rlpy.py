"""d3rlpy by its own means: learning while it plays, and from what was recorded."""

import gymnasium as gym
import numpy as np
import pytest

from ilrec_gym.evaluation import evaluate

from .conftest import OFFERED

pytest.importorskip("d3rlpy")


@pytest.fixture
def d3rlpy():
    from ilrec_agents.offline.quiet import import_d3rlpy

    return import_d3rlpy()


class Played:
    """A d3rlpy algorithm as an agent that can be evaluated."""

    def __init__(self, algorithm):
        self.algorithm = algorithm

    def act(self, observations, infos):
        return self.algorithm.predict(observations).astype(np.int64)


def test_online_and_from_its_recorded_buffer(d3rlpy, tmp_path):
    env = gym.make(OFFERED)
    dqn = d3rlpy.algos.DQNConfig(batch_size=32).create(device="cpu:0")
    buffer = d3rlpy.dataset.create_fifo_replay_buffer(limit=500, env=env)
    dqn.fit_online(
        env, buffer, explorer=d3rlpy.algos.ConstantEpsilonGreedy(0.5), n_steps=200, n_steps_per_epoch=100,
        update_start_step=50, show_progress=False, logger_adapter=d3rlpy.logging.NoopAdapterFactory(),
    )  # fmt: skip
    assert 100 <= buffer.transition_count <= 200 and dqn.action_size == 20
    with open(tmp_path / "played.h5", "w+b") as file:
        buffer.dump(file)
    with open(tmp_path / "played.h5", "rb") as file:
        recorded = d3rlpy.dataset.ReplayBuffer.load(file, d3rlpy.dataset.InfiniteBuffer())
    assert recorded.transition_count == buffer.transition_count
    cql = d3rlpy.algos.DiscreteCQLConfig(batch_size=32).create(device="cpu:0")
    cql.fit(
        recorded, n_steps=50, n_steps_per_epoch=50, show_progress=False,
        logger_adapter=d3rlpy.logging.NoopAdapterFactory(),
    )  # fmt: skip
    result = evaluate(Played(cql), gym.make(OFFERED, split="test"), episodes=4)
    assert 1 <= result.Len.mean <= 100


def test_continuous_actions_online(d3rlpy):
    from ilrec_gym.wrappers import ItemEmbeddingAction

    env = ItemEmbeddingAction(gym.make("ilrec/MovieLens-v0"))
    sac = d3rlpy.algos.SACConfig(batch_size=32).create(device="cpu:0")
    sac.fit_online(
        env, d3rlpy.dataset.create_fifo_replay_buffer(limit=500, env=env), n_steps=80, n_steps_per_epoch=80,
        update_start_step=40, show_progress=False, logger_adapter=d3rlpy.logging.NoopAdapterFactory(),
    )  # fmt: skip
    observation, _ = env.reset(seed=0)
    assert env.action_space.contains(sac.predict(observation[None])[0].astype(np.float32))


def test_the_terminal_flag_is_the_departure_and_the_horizon_is_a_timeout(d3rlpy):
    env = gym.make(OFFERED, max_steps=40)
    buffer = d3rlpy.dataset.create_fifo_replay_buffer(limit=10_000, env=env)
    ends = []
    for seed in range(12):
        observation, _ = env.reset(seed=seed)
        ended = False
        while not ended:
            action = 19
            after, reward, terminated, truncated, _ = env.step(action)
            buffer.append(observation, action, reward)
            observation, ended = after, terminated or truncated
        buffer.clip_episode(terminated)
        ends.append(terminated)
    assert [episode.terminated for episode in buffer.episodes] == ends
    assert set(ends) == {True, False}
