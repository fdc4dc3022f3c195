"""Sessions that an agent takes over when they have seen some films."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from ilrec_agents.llm.teachers.teacher import Teacher

INFO = ("action_mask", "history")
SEEN = 5  # films that the sessions have seen when the clock starts: prompts are some 600 tokens long


@dataclass(frozen=True)
class Step:
    """Actions of all rows, what was said in each, and how long it took."""

    actions: NDArray[np.int64]
    said: list[tuple[str, ...]]
    seconds: float


class Played:
    """Sessions of an environment that have seen some films, chosen by rote, when an agent takes over.

    Args:
        env: The environment.
        n: How many sessions.
        clock: Seconds.
    """

    def __init__(self, env: gym.Env[Any, Any], n: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        base: Any = env.unwrapped
        seeds = np.arange(n) + 40_000
        self._sessions = base.batch(n, INFO)
        self._seen, self._infos = self._sessions.reset(base.draw_users(seeds), seeds=seeds)
        for _ in range(SEEN):
            self._seen, *_, self._infos = self._sessions.step(np.zeros(n, np.int64))

    def decide(self, agent: Teacher) -> Step:
        """One step of every session that still runs."""
        start = self._clock()
        actions = agent.act(self._seen, self._infos)
        seconds = self._clock() - start
        said = [(note.get("proposed", ""), note.get("plan", "")) for note in agent.explain() or []]
        self._seen, *_, self._infos = self._sessions.step(actions)
        return Step(actions, said, seconds)
