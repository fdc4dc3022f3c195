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
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from numpy.testing import assert_equal

from ilrec_gym.errors import UsageError


def play(env: gym.Env[Any, Any], seed: int, steps: int = 200) -> list[tuple[Any, ...]]:
    """A trace of random play: everything that ``reset`` and ``step`` returned, over as many sessions as it takes."""
    actions = np.random.default_rng(seed)
    trace: list[tuple[Any, ...]] = [env.reset(seed=seed)]
    for _ in range(steps):
        trace.append(env.step(int(actions.integers(env.action_space.n))))  # type: ignore[attr-defined]
        if trace[-1][2] or trace[-1][3]:
            trace.append(env.reset())
    return trace


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
        """Another seed meets another user, sooner or later."""
        env = self.make()
        assert len({env.reset(seed=seed)[1]["user_id"] for seed in range(8)}) > 1

    def test_a_copy_by_pickle_goes_on_alike(self) -> None:
        """An environment in the middle of a session survives pickling."""
        env = self.make()
        env.reset(seed=1)
        env.step(0)
        twin = pickle.loads(pickle.dumps(env.unwrapped))
        assert_equal(env.step(1), twin.step(1))

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
            *_, terminated, truncated, _ = env.step(0)
            assert terminated != truncated

    def test_step_after_the_end_is_refused(self) -> None:
        """No silent step after the end."""
        env = self.make(max_steps=1).unwrapped
        env.reset(seed=0)
        env.step(0)
        try:
            env.step(0)
        except UsageError as error:
            assert "reset()" in str(error)
        else:
            raise AssertionError("a step after the end was taken")

    def test_spec_survives_json(self) -> None:
        """The spec makes the same environment again, also through JSON."""
        env = self.make()
        assert env.spec is not None
        again = EnvSpec.from_json(env.spec.to_json()).make()
        assert_equal(play(env, seed=7, steps=20), play(again, seed=7, steps=20))
        assert_equal(play(env, seed=7, steps=20), play(gym.make(env.spec), seed=7, steps=20))
