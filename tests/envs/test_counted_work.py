"""A guard on speed that counts work in place of time: calls per step, and bytes allocated per step and row."""

import sys
import tracemalloc

import gymnasium as gym
import numpy as np
import pytest

from ilrec_gym.envs.vector import MovieLensVectorEnv


def calls(work) -> int:
    """Calls of Python and C functions that ``work`` makes."""
    count = 0

    def counted(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def allocated(work) -> int:
    """The most bytes that ``work`` held at once beyond what was there."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.fixture
def scalar():
    env = gym.make("ilrec/MovieLens-v0", user_model={"name": "satiation", "patience": 1e6}).unwrapped
    env.reset(seed=0)
    return env


def long_sessions(n):
    env = MovieLensVectorEnv(n, user_model={"name": "satiation", "patience": 1e6}, max_steps=100)
    env.reset(seed=0)
    return env, np.arange(n) % env.single_action_space.n


def test_a_scalar_step_stays_on_its_fast_path(scalar):
    scalar.step(1)
    assert calls(lambda: scalar.step(2)) < 30  # the array form needs about 490


def test_a_scalar_reset_stays_on_its_fast_path(scalar):
    scalar.reset()
    assert calls(scalar.reset) < 18


def test_a_vector_step_makes_as_many_calls_for_many_rows_as_for_few():
    (few, some), (many, all_of_them) = long_sessions(10), long_sessions(4096)
    few.step(some), many.step(all_of_them)
    counts = calls(lambda: few.step(some)), calls(lambda: many.step(all_of_them))
    assert counts[0] == counts[1] < 550


def test_a_vector_step_holds_little_beside_its_buffers():
    env, actions = long_sessions(4096)
    env.step(actions)
    per_row = allocated(lambda: env.step(actions)) / 4096
    assert per_row < 600, "the observation given out takes half of it"


def test_items_cost_memory_by_their_number_and_not_by_its_square():
    from ilrec_gym.testing.synthetic import synthetic_scenario

    def needed(n_items):
        return allocated(lambda: MovieLensVectorEnv(8, synthetic_scenario(4, n_items, factors=8)))

    small, large = needed(5_000), needed(20_000)
    assert large / small < 4.5
