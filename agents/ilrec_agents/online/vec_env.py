"""Sessions in lock-step as a vectorised environment of stable-baselines3. Import after ``quiet.import_sb3``."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from ilrec_agents.online.ledger import MOST, NAMES, Ledger
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.envs.user_queue import UserQueue
from ilrec_gym.errors import UsageError
from ilrec_gym.wrappers.learned_reward import RewardFunction


class SessionsVecEnv(VecEnv):
    """n sessions side by side; a row whose session ends begins the next one in the same step.

    Row i plays the sessions that one environment plays after ``reset(seed=seed + i)``: its e-th user is drawn from
    (seed + i, e) alone, whatever the other rows do. Observations are flat, whatever form the environment gives.

    Where a session ended, the info has ``terminal_observation``, ``TimeLimit.truncated``, ``user_id``, ``exit_reason``
    and ``episode`` with return ``r``, length ``l`` and seconds since the start ``t``; elsewhere it is empty.

    Args:
        env: Where sessions, users and rules come from. Its own session is not touched.
        n: Number of rows.
        seed: Row i gets seed + i; ``seed()`` and ``reset()`` start over from others.
        reward: A learned reward in place of the viewer's rating.
        ledger: Notes what is shown; observations then begin with the names that it gives them.
    """

    def __init__(
        self, env: MovieLensEnv, n: int, *, seed: int = 0, reward: RewardFunction | None = None,
        ledger: Ledger | None = None,
    ) -> None:  # fmt: skip
        self.env, self.sessions, self.reward, self.ledger = env, env.batch(n), reward, ledger
        space = self.sessions.layout.space()
        super().__init__(n, space if ledger is None else _named(space), self.sessions.action_space)
        self._queue = UserQueue(env.setting, n)
        self._queue.seed(np.arange(n), seed + np.arange(n))
        self._returns, self._start = np.zeros(n), time.perf_counter()
        self._observations = np.zeros((n, self.sessions.layout.size), np.float32)
        self._actions: NDArray[np.int64] = np.zeros(n, np.int64)

    def reset(self) -> NDArray[np.float32]:
        """Begin a session in every row: the first of its seed after ``seed()``, the next one otherwise."""
        if self._seeds[0] is not None:
            self._queue.seed(np.arange(self.num_envs), self._seeds)
            self._reset_seeds()
        return self._begin(np.arange(self.num_envs))

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Take the actions ``(n,)`` of the next step."""
        self._actions = actions

    def step_wait(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Play them: observations ``(n, d)``, rewards ``(n,)``, whether a session ended ``(n,)``, infos."""
        before = self._observations
        if self.ledger is not None:
            self.ledger.show(self._actions, self.sessions.state.steps)
        after, rewards, terminated, truncated, facts = self.sessions.step(self._actions)
        self._observations, given = after, self._seen_by_learner(after)
        if self.reward is not None:
            rewards = self._learned(before, after, terminated)
        self._returns += rewards
        ended = np.flatnonzero(terminated | truncated)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for row in ended:
            infos[row] = {
                "terminal_observation": given[row],
                "TimeLimit.truncated": bool(truncated[row]),
                "user_id": int(facts["user_id"][row]),
                "exit_reason": str(facts["exit_reason"][row]),
                "episode": {
                    "r": float(self._returns[row]),
                    "l": int(facts["step"][row]),
                    "t": time.perf_counter() - self._start,
                },
            }
        return self._begin(ended), rewards.astype(np.float32), terminated | truncated, infos

    def close(self) -> None:
        """Nothing is held open."""

    def set_options(self, options: list[dict[str, Any]] | dict[str, Any] | None = None) -> None:
        """Refuse options: users are drawn.

        Raises:
            UsageError: Any option.
        """
        if options:
            raise UsageError("sessions side by side take no options", received=options, cause="users are drawn by seed")

    def get_attr(self, attr_name: str, indices: None | int | Iterable[int] = None) -> list[Any]:
        """An attribute of the environment, for each row; nothing is rendered here."""
        value = None if attr_name == "render_mode" else getattr(self.env, attr_name)
        return [value] * len(self._rows(indices))

    def set_attr(self, attr_name: str, value: Any, indices: None | int | Iterable[int] = None) -> None:
        """Refuse: rows have no environments of their own.

        Raises:
            UsageError: Always.
        """
        raise UsageError("sessions side by side share one environment", received=attr_name, fix="make another one")

    def env_method(
        self, method_name: str, *args: Any, indices: None | int | Iterable[int] = None, **options: Any
    ) -> list[Any]:
        """``action_masks`` of each row.

        Raises:
            UsageError: Any other method; rows have no environments of their own.
        """
        if method_name != "action_masks":
            raise UsageError("sessions side by side answer action_masks() only", received=method_name)
        return list(self.sessions.action_mask()[self._rows(indices)])

    def env_is_wrapped(self, wrapper_class: type[Any], indices: None | int | Iterable[int] = None) -> list[bool]:
        """False for each row."""
        return [False] * len(self._rows(indices))

    def _learned(
        self, before: NDArray[np.float32], after: NDArray[np.float32], terminated: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        assert self.reward is not None
        given = np.asarray(self.reward(before, self._actions, after, terminated), np.float64)
        if given.shape != (self.num_envs,) or not np.isfinite(given).all():
            raise UsageError("a reward model must give one finite number per transition", received=given)
        return given

    def _begin(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """Start the next session in those rows; the observations of all."""
        if len(rows):
            self._returns[rows] = 0.0
            users, queue = self._queue.next(rows), self._queue
            self._observations, _ = self.sessions.reset(
                users, rows, seeds=queue.seeds[rows], episodes=queue.episodes[rows]
            )
            if self.ledger is not None:
                self.ledger.begin(rows, users)
        return self._seen_by_learner(self._observations)

    def _seen_by_learner(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        return observations if self.ledger is None else self.ledger.named(observations, self.sessions.state.steps)

    def _rows(self, indices: None | int | Iterable[int]) -> Sequence[int]:
        return list(self._get_indices(indices))


def _named(space: spaces.Box) -> spaces.Box:
    low, high = np.zeros(NAMES, np.float32), np.full(NAMES, MOST, np.float32)
    return spaces.Box(np.concatenate([low, space.low]), np.concatenate([high, space.high]), dtype=np.float32)


class FixedScale(VecEnvWrapper):
    """Gives (reward - shift) / scale, the two chosen beforehand, so that what lies in a buffer keeps its meaning."""

    def __init__(self, venv: VecEnv, shift: float, scale: float) -> None:
        super().__init__(venv)
        self.shift, self.scale = shift, scale

    def reset(self) -> Any:
        """As of what is wrapped."""
        return self.venv.reset()

    def step_wait(self) -> Any:
        """As of what is wrapped, rewards scaled."""
        observations, rewards, dones, infos = self.venv.step_wait()
        return observations, (rewards - self.shift) / self.scale, dones, infos
