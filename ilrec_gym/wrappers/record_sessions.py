"""A trace of every finished session: one line of JSON, appended to a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from ilrec_gym.errors import UsageError
from ilrec_gym.evaluation.records import Session, Step
from ilrec_gym.lines import append_shared
from ilrec_gym.wrappers.parts import AnyEnv, ours


class RecordSessions(gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """Appends each session that ends to a file, as a line of the form that journals have too.

    :func:`~ilrec_gym.evaluation.record_files.read_sessions` reads them, ``session_log_of`` makes the log that metrics
    need. The file survives a kill at any byte, and several environments and processes may write to one. A session that
    is left before its end is not recorded. ``session`` is its number among those of its ``seed``, from 0. A step holds
    the action that the recorder got; where that was no whole number, the item's index stands there and the action
    itself is ``given``. It holds a ``reward`` where that is not the rating.

    Args:
        env: An environment of this project, wrapped or not.
        path: The file, usually ``name.jsonl``; what is in it stays.

    Raises:
        UsageError: Another package's environment, slates, or a folder that is not there.
    """

    def __init__(self, env: AnyEnv, path: str | os.PathLike[str]) -> None:
        gym.utils.RecordConstructorArgs.__init__(self, path=os.fspath(path))
        super().__init__(env)
        base = ours(env, "RecordSessions")
        if base.setting.slate_size is not None:
            raise UsageError("RecordSessions records one item per step", received=env, cause="an environment of slates")
        self._titles, self._ids = base.scenario.catalogue.titles, base.scenario.catalogue.ids
        self.path = Path(path).absolute()
        if not self.path.parent.is_dir():
            raise UsageError(f"the folder of {path} must exist", received=str(self.path.parent), fix="make it first")
        self._steps: list[Step] = []
        self._offered: tuple[int, ...] | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin a session."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._steps, self._offered = [], self._offer(info)
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Show one film, and write the session if it ended.

        Raises:
            StorageError: The line could not be written.
        """
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._steps.append(self._step(info.get("action", action), float(reward), info))
        self._offered = self._offer(info)
        if terminated or truncated:
            append_shared(self.path, self._session(bool(terminated), info).to_line())
            self._steps = []
        return observation, reward, terminated, truncated, info

    def _step(self, action: Any, reward: float, info: dict[str, Any]) -> Step:
        facts: dict[str, Any] = {} if reward == info["rating"] else {"reward": reward}
        if not isinstance(action, int | np.integer):
            facts["given"], action = action, info["item_index"]
        return Step(
            action=int(action),
            item_id=info["item_id"],
            title=self._titles[info["item_index"]],
            rating=float(info["rating"]),
            candidates=self._offered,
            facts=facts,
        )

    def _session(self, terminated: bool, info: dict[str, Any]) -> Session:
        return Session(
            number=info["session"],
            user_id=info["user_id"],
            seed=info["seed"],
            steps=tuple(self._steps),
            exit_reason=info["exit_reason"],
            terminated=terminated,
        )

    def _offer(self, info: dict[str, Any]) -> tuple[int, ...] | None:
        return tuple(self._ids[info["candidates"]].tolist()) if "candidates" in info else None
