"""Learning curves: at ten points of learning the agent plays with the same few train users."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ilrec_agents.base import Agent
from ilrec_gym.errors import ArtefactError, MissingExtraError, require
from ilrec_gym.evaluation import evaluate
from ilrec_gym.lines import append, read_lines

CURVE, SEED = "curve.jsonl", 7_000_000


class Curve:
    """Looks on while an agent learns (``fit(..., watch=curve)``): notes and shows how well it does by then.

    Args:
        env: With train users.
        path: Where the points are kept, one line each.
        users: How many users it plays with; the same ones at every point and in every run.
        board: Folder of TensorBoard's files; None: none are written.

    Attributes:
        seconds: What looking on has cost, which is no part of learning.
    """

    def __init__(self, env: Any, path: Path, users: int, board: Path | None = None) -> None:
        self._env, self._path = env, path
        self._users = min(users, len(env.unwrapped.users))
        self.board = Board(board)
        self.seconds = 0.0

    def __call__(self, agent: Agent, done: int) -> None:
        start = time.perf_counter()
        found = evaluate(agent, self._env, seed=SEED, episodes=self._users)
        point = {"done": int(done)} | {name: getattr(found, name).mean for name in ("R_traj", "Len", "R_each")}
        with open(self._path, "ab") as file:
            append(file, (json.dumps(point) + "\n").encode(), sync=False)
        self.board.add("train_users", {name: value for name, value in point.items() if name != "done"}, int(done))
        self.seconds += time.perf_counter() - start


class Board:
    """TensorBoard's files of one run, where TensorBoard is installed; written anew by every run."""

    def __init__(self, folder: Path | None) -> None:
        self._writer = None
        if folder is None:
            return
        shutil.rmtree(folder, ignore_errors=True)
        try:
            require("tensorboard", "report")
            self._writer = require("torch.utils.tensorboard", "report").SummaryWriter(str(folder))
        except MissingExtraError:  # pictures and tables do not need it
            pass

    def add(self, group: str, values: Mapping[str, float], step: int) -> None:
        """One point of several curves."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(f"{group}/{name}", value, step)
            self._writer.flush()

    def close(self, history: list[dict[str, float]]) -> None:
        """Add what the agent itself noted, and close the file."""
        if self._writer is None:
            return
        for k, record in enumerate(history):
            step = int(record.get("timesteps", record.get("updates", k)))
            for name, value in record.items():
                if name not in ("timesteps", "updates"):
                    self._writer.add_scalar(f"history/{name}", value, step)
        self._writer.close()


def read_curve(path: Path) -> list[dict[str, float]]:
    """The points of a run's curve, in order; none where there is no file.

    Raises:
        ArtefactError: A line that is no point.
    """
    try:
        return [dict(json.loads(line)) for line in read_lines(path)]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError) as error:
        raise ArtefactError(
            f"{path} must hold one point per line", received=str(error), cause="a damaged file"
        ) from error
