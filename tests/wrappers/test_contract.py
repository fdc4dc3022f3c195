"""What every wrapper must do: pass Gymnasium's checker, play the same again, pickle, survive its spec."""

import pickle
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from numpy.testing import assert_equal

import ilrec_gym.wrappers
from ilrec_gym.wrappers import (
    Candidates,
    ItemEmbeddingAction,
    LearnedReward,
    MaskSeen,
    RecordSessions,
    TextAction,
    TextObservation,
)

WHOLE, OFFERED = "ilrec/MovieLens-v0", "ilrec/MovieLens-Candidates-v0"


def length(before, actions, after, terminals):
    """A learned reward that can be pickled."""
    return np.abs(after - before).sum(axis=1)


MAKERS = {
    "candidates": lambda folder: Candidates(gym.make(WHOLE)),
    "embedding": lambda folder: ItemEmbeddingAction(gym.make(WHOLE)),
    "approximate": lambda folder: ItemEmbeddingAction(gym.make(WHOLE), search="approximate"),
    "mask": lambda folder: MaskSeen(gym.make(OFFERED)),
    "replace": lambda folder: MaskSeen(gym.make(WHOLE), "replace"),
    "text": lambda folder: TextObservation(gym.make(OFFERED)),
    "title": lambda folder: TextAction(gym.make(WHOLE)),
    "record": lambda folder: RecordSessions(gym.make(OFFERED), folder / "sessions.jsonl"),
    "reward": lambda folder: LearnedReward(gym.make(OFFERED), length),
    "flatten": lambda folder: gym.wrappers.FlattenObservation(gym.make(OFFERED, observation="dict")),
    "all": lambda folder: RecordSessions(
        TextAction(TextObservation(Candidates(MaskSeen(LearnedReward(gym.make(WHOLE), length)), n=5))),
        folder / "all.jsonl",
    ),
}
# The titles that are on offer change from step to step, and the checker takes one of another step.
CHECKED = [name for name in MAKERS if name != "all"]


@pytest.fixture(params=list(MAKERS))
def make(request, tmp_path):
    if request.param == "approximate":
        pytest.importorskip("faiss", reason="approximate search needs faiss")
    return lambda: MAKERS[request.param](tmp_path)


def play(env, seed, steps=60):
    """Everything that random play gives."""
    trace = [env.reset(seed=seed)]
    env.action_space.seed(seed)
    for _ in range(steps):
        trace.append(env.step(env.action_space.sample()))
        if trace[-1][2] or trace[-1][3]:
            trace.append(env.reset())
    return trace


# The checker says of every wrapper that it is one; everything else it says is an error.
@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version:UserWarning")
@pytest.mark.parametrize("make", CHECKED, indirect=True)
def test_gymnasium_checker(make):
    check_env(make(), skip_render_check=True)


def test_two_copies_play_the_same_within_their_spaces(make):
    env = make()
    trace = play(env, 3)
    assert_equal(trace, play(make(), 3))
    assert all(env.observation_space.contains(row[0]) for row in trace)


# Gymnasium's own FlattenObservation holds a lambda, which cannot be pickled.
@pytest.mark.parametrize("make", [name for name in MAKERS if name != "flatten"], indirect=True)
def test_a_copy_by_pickle_goes_on_alike(make):
    env = make()
    env.reset(seed=1)
    env.action_space.seed(0)
    env.step(env.action_space.sample())
    twin = pickle.loads(pickle.dumps(env))
    action = env.action_space.sample()
    assert_equal(env.step(action), twin.step(action))


def test_the_spec_makes_it_again(make):
    env = make()
    assert_equal(play(env.spec.make(), 5, steps=8), play(env, 5, steps=8))


@pytest.mark.parametrize("make", [name for name in MAKERS if name not in ("all", "reward")], indirect=True)
def test_the_spec_survives_json(make):
    """But where an argument is a function, as a learned reward is."""
    env = make()
    again = EnvSpec.from_json(env.spec.to_json()).make()
    assert_equal(play(again, 5, steps=8), play(env, 5, steps=8))


def test_flattened_dict_observations_lose_nothing():
    named = gym.make(OFFERED, observation="dict")
    flat = gym.wrappers.FlattenObservation(gym.make(OFFERED, observation="dict"))
    assert flat.observation_space.shape == (gym.spaces.flatdim(named.observation_space),)
    for first, second in zip(play(named, 4, steps=9), play(flat, 4, steps=9), strict=True):
        assert_equal(gym.spaces.unflatten(named.observation_space, second[0]), first[0])


def test_wrappers_are_imported_when_asked_for():
    code = (
        "import sys, ilrec_gym.wrappers as w; before = set(sys.modules); w.MaskSeen; "
        "print(*sorted(m for m in set(sys.modules) - before if m.startswith('ilrec_gym.wrappers')), "
        "*sorted({'faiss', 'torch', 'PIL'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = out.stdout.split()
    assert "ilrec_gym.wrappers.mask_seen" in loaded and "ilrec_gym.wrappers.text" not in loaded
    assert all(name.startswith("ilrec_gym.wrappers") for name in loaded)
    for name in ilrec_gym.wrappers.__all__:
        assert getattr(ilrec_gym.wrappers, name).__name__ == name
    with pytest.raises(AttributeError, match="NoSuchWrapper"):
        getattr(ilrec_gym.wrappers, "NoSuchWrapper")  # noqa: B009
