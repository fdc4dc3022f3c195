"""Gymnasium's own vectorisation and wrappers, as its documentation uses them."""

import gymnasium as gym
import numpy as np
import pytest
from numpy.testing import assert_equal

from ilrec_gym.wrappers import Candidates, ItemEmbeddingAction, MaskSeen

from .conftest import OFFERED, WHOLE

MODES = ["sync", "async", "vector_entry_point"]


def begin_and_play(envs, steps=12):
    """Observations, rewards and flags of sessions that go on past the first end of each row."""
    rng, trace = np.random.default_rng(0), []
    trace.append(envs.reset(seed=5)[0])
    for _ in range(steps):
        trace.append(envs.step(rng.integers(20, size=envs.num_envs))[:4])
    envs.close()
    return trace


@pytest.mark.parametrize("observation", ["box", "dict"])
def test_every_mode_plays_the_same(observation):
    options = {"max_steps": 5, "observation": observation}
    first, *others = (
        begin_and_play(gym.make_vec(OFFERED, num_envs=3, vectorization_mode=mode, **options)) for mode in MODES
    )
    assert any(row[3].any() for row in first[1:]), "sessions were cut, and went on"
    for other in others:
        assert_equal(other, first)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_rows_may_be_wrapped(mode):
    envs = gym.make_vec(WHOLE, num_envs=2, vectorization_mode=mode, wrappers=[ItemEmbeddingAction])
    envs.reset(seed=0)
    rewards = envs.step(np.zeros((2, 17), np.float32))[1]
    envs.close()
    single = ItemEmbeddingAction(gym.make(WHOLE))
    single.reset(seed=1)
    assert rewards[1] == single.step(np.zeros(17))[1]


@pytest.mark.parametrize("env_id", [WHOLE, OFFERED])
def test_episode_statistics(env_id):
    """Gymnasium keeps the info key "episode" for these."""
    env = gym.wrappers.RecordEpisodeStatistics(gym.make(env_id))
    _, info = env.reset(seed=0)
    assert "episode" not in info
    total, ended = 0.0, False
    while not ended:
        _, reward, terminated, truncated, info = env.step(0)
        total, ended = total + reward, terminated or truncated
    assert info["episode"]["r"] == pytest.approx(total) and info["episode"]["l"] == info["step"]


@pytest.mark.parametrize("mode", MODES)
def test_episode_statistics_of_vectors(mode):
    envs = gym.wrappers.vector.RecordEpisodeStatistics(
        gym.make_vec(OFFERED, num_envs=2, vectorization_mode=mode, max_steps=3)
    )
    envs.reset(seed=0)
    for _ in range(3):
        *_, infos = envs.step(np.array([0, 1]))
    envs.close()
    assert infos["episode"]["l"].tolist() == [3, 3] and (infos["episode"]["r"] > 0).all()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda env: gym.wrappers.TimeLimit(env, 4),
        gym.wrappers.NormalizeObservation,
        gym.wrappers.NormalizeReward,
        lambda env: gym.wrappers.TransformReward(env, lambda reward: reward - 3),
        lambda env: gym.wrappers.TimeAwareObservation(gym.wrappers.TimeLimit(env, 50)),
        lambda env: gym.wrappers.FrameStackObservation(env, 3),
        lambda env: gym.wrappers.FlattenObservation(MaskSeen(Candidates(env))),
    ],
)
def test_common_wrappers(wrap):
    env = wrap(gym.make(WHOLE))
    observation, _ = env.reset(seed=1)
    for step in range(4):
        assert env.observation_space.contains(observation)
        observation, reward, terminated, truncated, _ = env.step(step)
        assert np.isfinite(reward) and not (terminated and truncated)


def test_a_video_of_each_session(tmp_path):
    moviepy = pytest.importorskip("moviepy.video.io.VideoFileClip", reason="videos need moviepy")
    env = gym.make(OFFERED, render_mode="rgb_array", max_steps=5)
    env = gym.wrappers.RecordVideo(env, str(tmp_path / "videos"), episode_trigger=lambda episode: True)
    for seed in range(2):
        env.reset(seed=seed)
        for _ in range(5):
            env.step(0)
    last = env.unwrapped.render()
    env.close()
    videos = sorted(tmp_path.glob("videos/*.mp4"))
    assert len(videos) == 2
    with moviepy.VideoFileClip(str(videos[1])) as clip:
        assert clip.size == [1280, 720] and clip.fps == env.metadata["render_fps"]
        assert round(clip.duration * clip.fps) == 6, "a frame at the start and one after every film"
        frame = clip.get_frame(clip.duration - 0.5 / clip.fps)
    assert np.abs(frame.astype(float) - last).mean() < 4, "the video ends with the last picture"


def test_frames_as_a_list():
    pytest.importorskip("PIL", reason="pictures need Pillow")
    env = gym.make(OFFERED, render_mode="rgb_array_list", max_steps=3)
    env.reset(seed=0)
    for _ in range(3):
        env.step(0)
    frames = env.render()
    assert len(frames) == 4 and {frame.shape for frame in frames} == {(720, 1280, 3)}
