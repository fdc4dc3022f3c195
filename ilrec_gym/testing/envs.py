"""What every environment must do, as a pytest class: subclass it, give ``make``, and the tests run.

    class TestMine(EnvContract):
        def make(self, **options):
            return gymnasium.make("mine/Env-v0", **options)

It works for environments of other packages too.
"""

from __future__ import annotations

import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from numpy.testing import assert_equal


def play(env: gym.Env[Any, Any], seed: int, steps: int = 200) -> list[tuple[Any, ...]]:
    """A trace of random play: everything that ``reset`` and ``step`` returned, over as many sessions as it takes."""
    actions = np.random.default_rng(seed)
    trace: list[tuple[Any, ...]] = [env.reset(seed=seed)]
    for _ in range(steps):
        trace.append(env.step(draw_action(env.action_space, actions)))
        if trace[-1][2] or trace[-1][3]:
            trace.append(env.reset())
    return trace


def draw_action(space: gym.Space[Any], rng: np.random.Generator) -> Any:
    """An action drawn uniformly, from a generator of its own."""
    if isinstance(space, gym.spaces.MultiDiscrete):
        return rng.integers(space.nvec)
    assert isinstance(space, gym.spaces.Discrete)
    return int(rng.integers(space.n))


def action_of(space: gym.Space[Any], place: int) -> Any:
    """The same simple action every time: ``place``, or a slate that begins there."""
    if isinstance(space, gym.spaces.MultiDiscrete):
        return place + np.arange(len(space.nvec))
    return place


def same(one: Any, other: Any) -> bool:
    """Whether two observations are equal, part by part where they have parts."""
    if isinstance(one, dict):
        return all(same(one[key], other[key]) for key in one)
    return np.array_equal(one, other)


class EnvContract:
    """The tests. ``make`` gives a fresh environment."""

    def make(self, **options: Any) -> gym.Env[Any, Any]:
        """A fresh environment."""
        raise NotImplementedError

    def test_gymnasium_checker(self) -> None:
        """Gymnasium's own checker finds nothing."""
        check_env(self.make().unwrapped, skip_render_check=True)

    def test_two_copies_play_the_same(self) -> None:
        """Same seed, same everything, over several sessions."""
        assert_equal(play(self.make(), seed=3), play(self.make(), seed=3))

    def test_seeds_differ(self) -> None:
        """Another seed starts elsewhere, sooner or later."""
        env = self.make()
        starts = [env.reset(seed=seed)[0] for seed in range(8)]
        assert any(not same(start, starts[0]) for start in starts)

    def test_a_reset_without_a_seed_goes_on(self) -> None:
        """The sessions after ``reset(seed=s)`` follow from s as well, and are not the first one again."""
        first, again = self.make(), self.make()
        first.reset(seed=4), again.reset(seed=4)
        later = [env.reset()[0] for env in (first, again)] + [first.reset()[0] for _ in range(7)]
        assert same(later[0], later[1])
        assert any(not same(start, later[0]) for start in later[2:])

    def test_a_copy_by_pickle_goes_on_alike(self) -> None:
        """An environment in the middle of a session survives pickling."""
        env = self.make()
        env.reset(seed=1)
        env.step(action_of(env.action_space, 0))
        twin = pickle.loads(pickle.dumps(env.unwrapped))
        assert_equal(env.step(action_of(env.action_space, 1)), twin.step(action_of(env.action_space, 1)))

    def test_flags_and_spaces(self) -> None:
        """Never both flags; observations within their space; a reason for every exit; finite rewards."""
        env = self.make()
        for observation, *rest in play(env, seed=5):
            assert env.observation_space.contains(observation)
            if len(rest) == 4:
                reward, terminated, truncated, info = rest
                assert np.isfinite(reward)
                assert not (terminated and truncated)
                assert (info["exit_reason"] != "") == terminated

    def test_horizon_truncates(self) -> None:
        """At ``max_steps`` the session is truncated, unless the user left at that very step."""
        env = self.make(max_steps=1)
        for seed in range(5):
            env.reset(seed=seed)
            *_, terminated, truncated, _ = env.step(action_of(env.action_space, 0))
            assert terminated != truncated

    def test_step_after_the_end_is_refused(self) -> None:
        """No silent step after the end."""
        env = self.make(max_steps=1).unwrapped
        env.reset(seed=0)
        env.step(action_of(env.action_space, 0))
        with pytest.raises(Exception, match="reset"):
            env.step(action_of(env.action_space, 0))

    def test_masks(self) -> None:
        """``action_masks()`` says of every action whether it may be taken, and some action may; where there is one."""
        env = self.make()
        env.reset(seed=0)
        masks = getattr(env.unwrapped, "action_masks", None)
        if masks is not None and isinstance(env.action_space, gym.spaces.Discrete):
            assert masks().shape == (env.action_space.n,) and masks().dtype == np.bool_ and masks().any()

    def test_spec_survives_json(self) -> None:
        """The spec makes the same environment again, also through JSON."""
        env = self.make()
        assert env.spec is not None
        again = EnvSpec.from_json(env.spec.to_json()).make()
        assert_equal(play(env, seed=7, steps=20), play(again, seed=7, steps=20))
        assert_equal(play(env, seed=7, steps=20), play(gym.make(env.spec), seed=7, steps=20))
