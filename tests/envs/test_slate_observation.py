"""What is public of slates: the observation takes in the whole slate, within its bounds, alike on NumPy and torch."""

import numpy as np
import pytest

from ilrec_gym.envs.movielens import MovieLensSlateEnv
from ilrec_gym.envs.observation import FAST, SLOW, TASTE, Layout
from ilrec_gym.envs.vector import MovieLensSlateVectorEnv
from ilrec_gym.simulation.choice import cascade
from ilrec_gym.simulation.user_models.recsim import RecSim


@pytest.mark.parametrize("no_choice", [-50.0, 50.0, -1.0])
def test_memories_and_taste_take_in_what_was_shown(no_choice):
    """Recomputed from the infos and the public tables alone; the hidden weight of what was not chosen is another."""
    env = MovieLensSlateEnv(user_model=RecSim(no_choice=no_choice, unchosen=0.9, patience=50.0, beta=1.0))
    observation, _ = env.reset(seed=1)
    catalogue, factors = env.scenario.catalogue, env.scenario.public.item_factors
    fast, slow, taste = np.zeros(catalogue.vectors.shape[1]), np.zeros(catalogue.vectors.shape[1]), np.zeros(16)
    profile_mean, (low, high) = env.layout.part(observation, "profile")[0], env.scenario.rating_scale
    for slate in ([3, 90, 41], [90, 90, 7], [500, 3, 3], [8, 9, 10]):
        observation, reward, *_, info = env.step(np.array(slate))
        weights = np.where(info["clicks"], 1.0, 0.3) * [item not in slate[:j] for j, item in enumerate(slate)]
        shown = weights @ catalogue.vectors[slate]
        fast, slow = FAST * fast + shown, SLOW * slow + shown
        surprise = np.clip((reward - (low + high) / 2) / ((high - low) / 2) - profile_mean, -1, 1)
        chosen = factors[info["item_index"]] if info["clicks"].any() else 0.0
        taste = TASTE * taste + (1 - TASTE) * surprise * chosen
        for name, expected in (("memory_fast", fast), ("memory_slow", slow), ("taste", taste)):
            assert env.layout.part(observation, name) == pytest.approx(expected, abs=1e-4), name
        assert info["clicks"].any() == (no_choice < 0) or no_choice == -1.0


@pytest.mark.parametrize("size", range(1, 31))
def test_bounds_hold_in_float32(size):
    """The same genre in every place for thousands of steps."""
    layout = Layout.of(MovieLensSlateEnv().scenario, slate_size=size)
    shown = np.sum(np.array([1.0] + [Layout.UNCHOSEN] * (size - 1)).astype(np.float32), dtype=np.float32)
    for name, decay in (("memory_fast", FAST), ("memory_slow", SLOW)):
        memory = np.float32(0)
        for _ in range(2000):
            memory = memory * np.float32(decay) + shown
        assert memory <= layout.part(layout.high, name)[0]


def test_torch_keeps_numpys_digits():
    """Ratings to 1e-12 after sixty slates of ten: nothing in the kernel is float32."""
    torch = pytest.importorskip("torch")
    options = {"user_model": RecSim(patience=500.0, no_choice=-3.0), "slate_size": 10, "max_steps": 60}
    ours, theirs = MovieLensSlateVectorEnv(8, **options), MovieLensSlateVectorEnv(8, device="cpu", **options)
    ours.reset(seed=0), theirs.reset(seed=0)
    for slates in np.random.default_rng(0).integers(ours.single_action_space.nvec, size=(60, 8, 10)):
        ratings, others = ours.step(slates)[1], theirs.step(torch.as_tensor(slates))[1]
        assert np.allclose(ratings, others.numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("tau", [1e-3, 1e-9])
def test_a_cold_cascade_is_certain(tau):
    places = cascade(np.array([[-1.9, 0.0], [-1.9, -1.8]]), np.full((2, 2), True), np.full((2, 2), 0.5), -1.0, tau)
    assert places.tolist() == [1, -1]
