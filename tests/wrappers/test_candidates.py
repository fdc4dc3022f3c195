"""Candidates by a wrapper play as the engine's own do; other retrievers may offer what they like, if it is an offer."""

import gymnasium as gym
import numpy as np
import pytest
from numpy.testing import assert_equal

from ilrec_gym.errors import UsageError
from ilrec_gym.wrappers import Candidates, LearnedReward, MaskSeen, TextObservation

from .conftest import OFFERED, WHOLE


class Popular:
    """Offers the most rated films that the mask allows."""

    def __init__(self, env, n):
        self.env, self.n = env, n
        self.popularity = env.unwrapped.scenario.catalogue.popularity

    def __call__(self, observation, info):
        unseen = self.env.unwrapped.action_masks()
        return np.argsort(-np.where(unseen, self.popularity, -1), kind="stable")[: self.n]


def test_with_the_public_retriever_it_plays_as_the_candidates_environment():
    wrapped = Candidates(gym.make(WHOLE, info=["action_mask"]))
    engine = gym.make(OFFERED, info=["action_mask"])
    assert wrapped.observation_space == engine.observation_space and wrapped.action_space == engine.action_space
    rng, ends = np.random.default_rng(0), 0
    assert_equal(wrapped.reset(seed=2), engine.reset(seed=2))
    while ends < 4:
        action = rng.integers(20)
        first, second = wrapped.step(action), engine.step(action)
        assert_equal(first, second)
        assert_equal(wrapped.action_masks(), engine.unwrapped.action_masks())
        if first[2] or first[3]:
            ends += 1
            assert_equal(wrapped.reset(), engine.reset())


def test_another_retriever():
    env = gym.make(WHOLE)
    popular = Popular(env, 5)
    env = Candidates(env, popular, n=5)
    observation, info = env.reset(seed=0)
    assert env.action_space.n == 5 and env.action_masks().all()
    for _ in range(6):
        offered = info["candidates"]
        assert_equal(np.diff(popular.popularity[offered]) <= 0, True)
        features = env.layout.candidates(observation)
        assert features.shape == (5, 6)
        assert features[:, 5] == pytest.approx(np.log1p(popular.popularity[offered]), abs=1e-5)
        observation, _, terminated, truncated, info = env.step(3)
        assert info["item_index"] == offered[3] and offered[3] not in info["candidates"]
        if terminated or truncated:
            break
    last = info["candidates"]
    assert last is not env.reset(seed=0)[1]["candidates"]


def test_masks_are_over_places():
    env = Candidates(gym.make(WHOLE), lambda observation, info: np.arange(20))
    env.reset(seed=1)
    before = env.action_masks()
    env.step(int(np.flatnonzero(before)[0]))
    after = env.action_masks()
    assert before.sum() - after.sum() == 1 and env.action_space.contains(int(np.flatnonzero(after)[0]))


def test_over_other_wrappers():
    paid = LearnedReward(gym.make(WHOLE), lambda before, actions, after, terminals: actions * 1.0)
    env = MaskSeen(Candidates(paid))
    _, info = env.reset(seed=0)
    _, reward, _, _, after = env.step(2)
    assert reward == info["candidates"][2] and after["action_mask"].shape == (20,)


@pytest.mark.parametrize(
    "offer",
    [[1, 1], [0], [0, 10**6], [-1, 0], [0.0, 1.0], None, [[0, 1]]],
    ids=["twice", "few", "beyond", "negative", "floats", "none", "deep"],
)
def test_what_is_no_offer_is_refused(offer):
    env = Candidates(gym.make(WHOLE), lambda observation, info: offer, n=2)
    with pytest.raises(UsageError, match="2 different indices"):
        env.reset(seed=0)


@pytest.mark.parametrize("action", [20, -1, 10**6, 0.5])
def test_bad_actions(action):
    env = Candidates(gym.make(WHOLE))
    env.reset(seed=0)
    with pytest.raises(UsageError, match=r"Discrete\(20\)"):
        env.step(action)


@pytest.mark.parametrize("n", [0, 10**6, 2.5, True])
def test_bad_number(n):
    with pytest.raises(UsageError, match="n must be"):
        Candidates(gym.make(WHOLE), n=n)


def test_environments_that_do_not_fit(foreign):
    for env, words in (
        (gym.make(OFFERED), "items of its catalogue"),
        (gym.make(WHOLE, observation="dict"), "flat observations"),
        (TextObservation(gym.make(WHOLE)), "flat observations"),
        (foreign, "ilrec_gym"),
    ):
        with pytest.raises(UsageError, match=words):
            Candidates(env)
