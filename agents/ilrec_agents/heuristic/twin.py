"""A twin of the hidden simulator, for oracles: it follows sessions from their histories, and tries items on copies.

It is written against the simulator alone, so it works under every user model.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Infos
from ilrec_agents.task import Task
from ilrec_gym.simulation.simulator import Outcome, Simulator
from ilrec_gym.simulation.state import SimulatorState

Rows = NDArray[np.integer]
OWN_DICE = 1 << 62
"""Copies draw from other seeds than the sessions do: an oracle knows the rules, not what chance will bring."""
AT_ONCE = 8192
"""Copies that are played at once; more do not fit into a processor's cache."""


class Twin:
    """The same users under the same user model, in the state that their histories have brought them to.

    Attributes:
        simulator: The environment's own, made again.
        state: Of the sessions followed last; None before the first.
    """

    def __init__(self, task: Task) -> None:
        truth = task.truth
        self.simulator: Simulator = truth.scenario.simulator(truth.user_model, int(task.description["max_steps"]))
        self.state: SimulatorState | None = None

    def follow(self, infos: Infos) -> SimulatorState:
        """The state of the sessions that these infos speak of; the next step of known ones costs one step.

        Args:
            infos: With the part ``history``.
        """
        history, lengths = infos["history_items"], np.asarray(infos["step"])
        if self.state is None or not _goes_on(self.state, infos):
            users, seeds, episodes = (infos[name] for name in ("user_index", "seed", "session"))
            self.state = self.simulator.start(users, seeds=seeds, episodes=episodes)
        state = self.state
        while len(rows := np.flatnonzero(state.steps < lengths)):
            part = state.take(rows)
            self.simulator.step(part, history[rows, state.steps[rows]])
            state.put(rows, part)
        return state

    def tried(self, state: SimulatorState, rows: Rows, items: Rows) -> tuple[SimulatorState, Outcome]:
        """Play ``items[j]`` in a copy of row ``rows[j]``; returns the copies afterwards, and what they gave."""
        copies = state.take(rows)
        copies.seeds ^= OWN_DICE
        outcome = self.simulator.step(copies, items)
        copies.seeds ^= OWN_DICE
        return copies, outcome

    def ratings(self, state: SimulatorState, rows: Rows, items: Rows) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """As :meth:`tried`, a few at a time: the ratings given, and whether the users stay."""
        ratings, stays = np.empty(len(rows)), np.empty(len(rows), bool)
        for part in pieces(len(rows), AT_ONCE):
            _, outcome = self.tried(state, rows[part], items[part])
            ratings[part], stays[part] = outcome.rating, ~outcome.terminated
        return ratings, stays


def pieces(n: int, size: int) -> Iterator[slice]:
    """Slices that cover ``range(n)``, each of at most ``size``."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def _goes_on(state: SimulatorState, infos: Infos) -> bool:
    """Whether these are the same sessions, no earlier than the state has them."""
    keys = ((state.users, "user_index"), (state.seeds, "seed"), (state.episodes, "session"))
    history = infos["history_items"]
    if history.shape != state.shown.shape or not all(np.array_equal(mine, infos[name]) for mine, name in keys):
        return False
    past = np.arange(history.shape[1]) < state.steps[:, None]
    return np.array_equal(np.where(past, history, -1), state.shown)
