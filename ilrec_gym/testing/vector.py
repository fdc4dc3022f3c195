"""What every native vector environment must do, as a pytest class: the very sessions of the scalar form, faster.

Subclass it, and the tests run.

    class TestMine(VectorContract):
        def make(self, **options):
            return gymnasium.make("mine/Env-v0", **options)

        def make_vec(self, num_envs, **options):
            return gymnasium.make_vec("mine/Env-v0", num_envs, "vector_entry_point", **options)
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv, VectorEnv
from numpy.testing import assert_allclose, assert_equal

from ilrec_gym.errors import UsageError
from ilrec_gym.testing.envs import draw_action

Trace = list[tuple[Any, ...]]


class VectorContract:
    """The tests. ``make`` and ``make_vec`` give fresh environments; the latter takes ``autoreset_mode``."""

    def make(self, **options: Any) -> gym.Env[Any, Any]:
        """A fresh scalar environment."""
        raise NotImplementedError

    def make_vec(self, num_envs: int, **options: Any) -> VectorEnv[Any, Any, Any]:
        """A fresh vector environment."""
        raise NotImplementedError

    @pytest.mark.parametrize("mode", ["next_step", "same_step"])
    def test_plays_what_gymnasium_plays_one_by_one(self, mode: str) -> None:
        """Observations, rewards, flags and infos are those of SyncVectorEnv over scalar environments."""
        one_by_one = self._sync(3, mode)
        together = self.make_vec(3, autoreset_mode=mode, max_steps=7)
        assert_same(rollout(together, seed=4), rollout(one_by_one, seed=4))

    def test_reset_by_mask(self) -> None:
        """Without autoreset, rows go on to their next session when they are told to, and only they."""
        one_by_one, together = self._sync(3, "disabled"), self.make_vec(3, autoreset_mode="disabled", max_steps=7)
        assert_same(rollout(together, seed=4, masked=True), rollout(one_by_one, seed=4, masked=True))

    def test_rows_do_not_depend_on_their_number(self) -> None:
        """Row i under seed s plays the same among 2 as among 5."""
        few, many = (rollout(self.make_vec(n, max_steps=7), seed=2, of=5) for n in (2, 5))
        for a, b in zip(few, many, strict=True):
            assert_equal(a[0], b[0][:2])
            for part, other in zip(a[1:-1], b[1:-1], strict=True):
                assert_equal(part, other[:2])

    def test_a_list_of_seeds(self) -> None:
        """Each row can have its own seed; None leaves a row's seed as it is."""
        env, twin = self.make_vec(2), self.make_vec(2)
        assert_equal(env.reset(seed=[7, 8])[0], twin.reset(seed=7)[0])  # type: ignore[arg-type]
        _, infos = env.reset(seed=[None, 8])  # type: ignore[arg-type]
        _, goes_on = twin.reset()
        assert infos["user_id"][0] == goes_on["user_id"][0], "the first row's next session"
        assert_equal(env.reset(seed=7)[0][1], twin.reset(seed=8)[0][0])

    def test_observations_can_be_kept(self) -> None:
        """By default a returned observation is not written to again; with ``copy=False`` it is the buffer."""
        env = self.make_vec(2)
        first, _ = env.reset(seed=0)
        kept = first.copy()
        env.step(np.zeros(env.action_space.shape or (2,), np.int64))
        assert_equal(first, kept)

    def test_spaces_hold(self) -> None:
        """Batched spaces are those of the scalar form, and observations lie in them."""
        env, scalar = self.make_vec(4), self.make()
        assert env.single_observation_space == scalar.observation_space
        assert env.single_action_space == scalar.action_space
        for observations, *_ in rollout(env, seed=1):
            assert env.observation_space.contains(observations)

    def test_bad_calls(self) -> None:
        """A step before the reset, another number of actions, an action outside the space: refused."""
        env = self.make_vec(2)
        shape = env.action_space.shape or (2,)
        with pytest.raises(UsageError, match="reset"):
            env.step(np.zeros(shape, np.int64))
        env.reset(seed=0)
        for actions in (np.zeros((3, *shape[1:]), np.int64), np.full(shape, 10**7), np.zeros(shape)):
            with pytest.raises(UsageError, match="action"):
                env.step(actions)

    def _sync(self, n: int, mode: str) -> SyncVectorEnv:
        modes = getattr(gym.vector, "AutoresetMode", None)
        if modes is None:
            if mode != "next_step":
                pytest.skip("this Gymnasium resets at the next step only")
            return SyncVectorEnv([lambda: self.make(max_steps=7)] * n)
        name = {"next_step": "NextStep", "same_step": "SameStep", "disabled": "Disabled"}[mode]
        return SyncVectorEnv([lambda: self.make(max_steps=7)] * n, autoreset_mode=modes(name))


def rollout(
    env: VectorEnv[Any, Any, Any], seed: int, steps: int = 40, of: int | None = None, masked: bool = False
) -> Trace:
    """Random play. Actions are drawn for ``of`` rows, so that the first ones are the same whatever the number is."""
    rng, space = np.random.default_rng(seed), env.single_action_space
    trace: Trace = [env.reset(seed=seed)]
    for _ in range(steps):
        actions = np.array([draw_action(space, rng) for _ in range(of or env.num_envs)])[: env.num_envs]
        trace.append(env.step(actions))
        over = trace[-1][2] | trace[-1][3]
        if masked and over.any():
            trace.append(env.reset(options={"reset_mask": over}))
    return trace


def assert_same(trace: Trace, expected: Trace) -> None:
    """Equal flags, infos and masks; numbers to 1e-6."""
    assert len(trace) == len(expected)
    for got, want in zip(trace, expected, strict=True):
        for a, b in zip(got, want, strict=True):
            _assert_equal(a, b)


def _assert_equal(a: Any, b: Any) -> None:
    if isinstance(b, dict):
        assert set(a) == set(b)
        for key in b:
            present = b.get(f"_{key}", True)
            if key.startswith("_") or present is True or isinstance(b[key], dict):
                _assert_equal(a[key], b[key])
            else:
                _assert_equal(a[key][present], b[key][present])
    elif np.asarray(b).dtype.kind == "O":
        assert [x is None for x in a] == [x is None for x in b]
        for x, y in zip(a, b, strict=True):
            if y is not None:
                _assert_equal(x, y)
    elif np.asarray(b).dtype.kind == "f":
        assert_allclose(a, b, rtol=0, atol=1e-6)
    else:
        assert_equal(a, b)
