"""The native vector form and the device form: the sessions of the scalar form, whatever the batch and the backend."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilrec_gym.envs.vector import MovieLensCandidatesVectorEnv, MovieLensVectorEnv
from ilrec_gym.errors import UsageError
from ilrec_gym.testing.vector import rollout


@pytest.mark.parametrize("cls", [MovieLensVectorEnv, MovieLensCandidatesVectorEnv])
@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 9), mode=st.sampled_from(["next_step", "same_step"]))
def test_torch_plays_what_numpy_plays(cls, seed, n, mode):
    on_numpy = cls(n, max_steps=9, autoreset_mode=mode)
    torch = pytest.importorskip("torch")
    on_torch = cls(n, max_steps=9, autoreset_mode=mode, device="cpu")
    reasons = np.array(["", *on_torch.setting.user_model.exit_reasons])
    observations, _ = on_numpy.reset(seed=seed)
    tensors, _ = on_torch.reset(seed=seed)
    rng = np.random.default_rng(seed)
    for _ in range(25):
        assert tensors.dtype == torch.float32 and np.allclose(observations, tensors.numpy(), rtol=0, atol=1e-5)
        actions = rng.integers(on_numpy.single_action_space.n, size=n)
        observations, *numbers, infos = on_numpy.step(actions)
        tensors, *others, facts = on_torch.step(torch.as_tensor(actions))
        for a, b in zip(numbers, others, strict=True):
            assert isinstance(b, torch.Tensor) and np.allclose(a, b.numpy(), rtol=0, atol=1e-9)
        for key in ("user_id", "item_id", "step", "session", "seed"):
            assert np.array_equal(infos[key], facts[key].numpy())
        assert np.array_equal(infos["exit_reason"], reasons[facts["exit_code"].numpy()])
        if mode == "same_step" and "final_obs" in infos:
            for row in np.flatnonzero(infos["_final_obs"]):
                assert np.allclose(infos["final_obs"][row], facts["final_obs"][row].numpy(), rtol=0, atol=1e-5)


def test_without_copies_the_buffer_is_given_out():
    env = MovieLensVectorEnv(2, copy=False)
    first, _ = env.reset(seed=0)
    second, *_ = env.step(np.array([1, 2]))
    assert first is second


@pytest.mark.parametrize("observation", ["box", "dict"])
def test_without_copies_last_observations_are_those_of_the_session_that_ended(observation):
    options = {"autoreset_mode": "same_step", "observation": observation, "max_steps": 3}
    live, copies = (MovieLensVectorEnv(4, copy=copy, **options) for copy in (False, True))
    live.reset(seed=0), copies.reset(seed=0)
    ended = 0
    for step in range(7):
        (*_, infos), (*_, others) = (env.step(np.arange(4) + 4 * step) for env in (live, copies))
        assert ("final_obs" in infos) == ("final_obs" in others)
        for mine, theirs in zip(infos.get("final_obs", []), others.get("final_obs", []), strict=True):
            assert (mine is None) == (theirs is None)
            pairs = zip(mine.values(), theirs.values(), strict=True) if isinstance(mine, dict) else [(mine, theirs)]
            assert mine is None or all(np.array_equal(a, b) for a, b in pairs)
            ended += mine is not None
    assert ended >= 4


def test_rows_without_a_seed_play_ones_of_their_own():
    env = MovieLensVectorEnv(4)
    _, infos = env.reset(seed=[None, 5, None, None])
    assert infos["seed"][1] == 5 and len(set(infos["seed"].tolist())) == 4
    before = infos["seed"].tolist()
    _, infos = env.reset(seed=[None, 6, None, None])
    assert infos["seed"].tolist() == [before[0], 6, *before[2:]]


def test_users_of_ones_choice():
    env = MovieLensVectorEnv(3)
    ids = env.setting.scenario.users.ids[env.setting.users[:3]]
    _, infos = env.reset(seed=0, options={"user_id": ids})
    assert infos["user_id"].tolist() == ids.tolist()
    _, infos = env.reset(options={"user_id": int(ids[1])})
    assert infos["user_id"].tolist() == [ids[1]] * 3


def test_dict_observations():
    env = MovieLensVectorEnv(3, observation="dict", max_steps=5)
    for observations, *_ in rollout(env, seed=0):
        assert env.observation_space.contains(observations)


def test_a_row_that_ended_needs_a_reset_without_autoreset():
    env = MovieLensVectorEnv(2, max_steps=1, autoreset_mode="disabled")
    env.reset(seed=0)
    env.step(np.array([0, 0]))
    with pytest.raises(UsageError, match="reset_mask"):
        env.step(np.array([0, 0]))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_envs": 0}, ["num_envs"]),
        ({"autoreset_mode": "nextstep"}, ["next_step", "did you mean"]),
        ({"device": "cuda:99"}, ["device", "cpu"]),
        ({"device": "gpuu"}, ["device", "cpu"]),
        ({"observation": "boks"}, ["box"]),
        ({"render_mode": "ansi"}, ["rendered"]),
        ({"max_step": 5}, ["max_steps", "did you mean"]),
    ],
)
def test_bad_arguments(options, words):
    if "device" in options:
        pytest.importorskip("torch")
    with pytest.raises(UsageError) as caught:
        MovieLensVectorEnv(**{"num_envs": 2, **options})
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"seed": [1]}, ["seed"]),
        ({"seed": -1}, ["seed"]),
        ({"options": {"users": 1}}, ["user_id"]),
        ({"options": {"user_id": 10**9}}, ["user_id"]),
        ({"options": {"reset_mask": np.array([True])}}, ["reset_mask"]),
        ({"options": {"reset_mask": np.array([False, False])}}, ["reset_mask"]),
        ({"options": {"reset_mask": np.array([1, 0])}}, ["reset_mask"]),
    ],
)
def test_bad_resets(call, words):
    env = MovieLensVectorEnv(2)
    env.reset(seed=0)
    with pytest.raises(UsageError) as caught:
        env.reset(**call)
    assert all(word in str(caught.value) for word in words)
