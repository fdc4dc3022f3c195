"""Settings of the quickstart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym

ENV_ID = "ilrec/MovieLens-Candidates-v0"
WHOLE_ENV_ID = "ilrec/MovieLens-v0"


@dataclass(frozen=True)
class Settings:
    """What the quickstart does, and how much of it.

    Attributes:
        out: Folder for everything that it makes.
        dataset: Name of the data set.
        teacher: Agent that demonstrates.
        teacher_config: Its settings.
        demonstrations: Sessions that the teacher plays with train users.
        batch_size: Teacher's sessions side by side.
        log_sessions: Simulated logged sessions.
        users: Test users that every row of the table meets; None for all of them.
        updates: Gradient steps of each offline agent; None for the agents' own default.
        workers: Trainings side by side.
        seed: Of everything.
    """

    out: Path = Path("quickstart")
    dataset: str = "ml-latest-small"
    teacher: str = "llm"
    teacher_config: Mapping[str, Any] = field(default_factory=dict)
    demonstrations: int = 32
    batch_size: int = 32
    log_sessions: int = 5000
    users: int | None = 32
    updates: int | None = None
    workers: int = 2
    seed: int = 0

    def env(self, split: str = "train", env_id: str = ENV_ID) -> gym.Env[Any, Any]:
        """The environment that the table is about, or the one with the whole catalogue."""
        return gym.make(env_id, dataset=self.dataset, split=split)
