"""A point becomes the nearest item that was not seen, whichever search finds it."""

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ilrec_gym.errors import MissingExtraError, UsageError
from ilrec_gym.wrappers import ItemEmbeddingAction
from ilrec_gym.wrappers.item_embedding import SPREADS, public_vectors, scaled
from ilrec_gym.wrappers.nearest import Approximate, Exact, nearest_item

from .conftest import OFFERED, WHOLE

small = st.floats(-3, 3, width=32)


@given(arrays(np.float32, (9, 3), elements=small), arrays(np.float32, 3, elements=small), arrays(bool, 9))
def test_exact_is_the_nearest_of_those_allowed(vectors, point, allowed):
    allowed[4] = True
    found = Exact(vectors)(point, allowed)
    distances = np.linalg.norm(vectors.astype(float) - point, axis=1)
    assert allowed[found]
    assert distances[found] <= distances[allowed].min() + 1e-3


@pytest.mark.parametrize("n", [3, 40, 4000])
def test_approximate_finds_nearly_all_and_nothing_forbidden(n):
    pytest.importorskip("faiss", reason="approximate search needs faiss")
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(n, 16)).astype(np.float32)
    exact, graph = Exact(vectors), Approximate(vectors)
    same = 0
    for share in (0.0, 0.5, 0.99):
        for _ in range(50):
            allowed = rng.random(n) >= share
            allowed[rng.integers(n)] = True
            point = rng.uniform(-1, 1, 16).astype(np.float32)
            found = graph(point, allowed)
            assert allowed[found]
            same += found == exact(point, allowed)
    assert same >= 0.95 * 150, same


def test_every_film_has_an_action_and_one_that_was_seen_gives_way():
    env = ItemEmbeddingAction(gym.make(WHOLE))
    _, info = env.reset(seed=0)
    unseen = np.flatnonzero(env.unwrapped.action_masks())
    reach = [env.item_of(env.vectors[item].clip(-1, 1)) == item for item in unseen[::7]]
    assert np.mean(reach) > 0.99
    action, shown = env.vectors[unseen[0]].clip(-1, 1), set()
    for _ in range(5):
        *_, info = env.step(action)
        shown.add(info["item_index"])
        if info["exit_reason"]:
            break
    assert unseen[0] in shown and len(shown) == info["step"] > 1


def test_vectors_are_the_public_ones_scaled():
    env = ItemEmbeddingAction(gym.make(WHOLE))
    public = public_vectors(env.unwrapped.scenario)
    assert env.vectors.shape == public.shape == (len(env.unwrapped.scenario.catalogue), 17)
    assert env.action_space == gym.spaces.Box(-1, 1, (17,), np.float32)
    assert env.vectors.mean(axis=0) == pytest.approx(0, abs=1e-6)
    assert env.vectors.std(axis=0) == pytest.approx(1 / SPREADS, abs=1e-5)


def test_a_foreign_environment_with_vectors_of_its_own(foreign):
    corners = [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1], [5, 5]]
    env = ItemEmbeddingAction(foreign, corners)
    env.reset()
    for item in (6, 0, 0):
        env.step(scaled(corners, 7)[item].clip(-1, 1))
    assert foreign.played == [6, 0, 0], "nothing is masked where there are no masks"


def test_a_catalogue_that_is_used_up():
    env = ItemEmbeddingAction(gym.make(WHOLE, catalogue_size=12, profile_length=1, max_steps=30))
    for seed in range(60):
        env.reset(seed=seed)
        ended = False
        while not ended:
            *_, terminated, truncated, info = env.step(np.zeros(17))
            ended = terminated or truncated
        if not env.unwrapped.action_masks().any():
            return
    raise AssertionError("no session used the catalogue up")


@pytest.mark.parametrize("action", [np.zeros(3), np.full(17, np.nan), 0, np.zeros((1, 17))])
def test_bad_actions(action):
    env = ItemEmbeddingAction(gym.make(WHOLE))
    env.reset(seed=0)
    with pytest.raises(UsageError, match="17 finite numbers"):
        env.step(action)


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        (np.ones((7, 2)), "differ in every dimension"),
        (np.eye(6), "7, k"),
        (np.arange(7.0), "7, k"),
        (np.full((7, 2), np.inf), "finite"),
        (np.zeros((7, 0)), "7, k"),
    ],
)
def test_bad_vectors(foreign, vectors, words):
    with pytest.raises(UsageError, match=words):
        ItemEmbeddingAction(foreign, vectors)


def test_what_does_not_fit(foreign, monkeypatch):
    with pytest.raises(UsageError, match="places, whose items differ"):
        ItemEmbeddingAction(gym.make(OFFERED))
    with pytest.raises(UsageError, match="ilrec_gym"):
        ItemEmbeddingAction(foreign)
    with pytest.raises(UsageError, match="did you mean 'exact'"):
        ItemEmbeddingAction(gym.make(WHOLE), search="exakt")
    with pytest.raises(UsageError, match="Discrete"):
        ItemEmbeddingAction(ItemEmbeddingAction(gym.make(WHOLE)))
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"ilrec-gym\[search\]"):
        nearest_item(np.eye(3, dtype=np.float32), "approximate")
