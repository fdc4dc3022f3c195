"""Sessions: the engine behind every environment form. B sessions in lock-step, public half beside hidden half."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ilrec_gym.envs.observation import Layout, Observer
from ilrec_gym.errors import UsageError, unknown_name
from ilrec_gym.simulation.scenario import Scenario
from ilrec_gym.simulation.simulator import Simulator, SimulatorState

Index = NDArray[np.int64]
Infos = dict[str, NDArray[Any]]
INFO_PARTS = ("action_mask", "history")
"""Parts of the info that are there where asked for."""


class Sessions:
    """B sessions of one scenario, whose action is an item of the whole catalogue.

    Rows that have ended stay as they are until they are reset; ``running`` says which still play.

    Attributes:
        running: ``(B,)`` bool.
        state: The simulator's state. Hidden from agents, but for the oracles that are marked so.
    """

    def __init__(self, scenario: Scenario, simulator: Simulator, n: int, info: Sequence[str] = ()) -> None:
        for part in info:
            if part not in INFO_PARTS:
                raise unknown_name("part of info", part, INFO_PARTS)
        self.scenario, self.simulator, self.info_parts = scenario, simulator, tuple(info)
        self.layout = self._layout()
        self.observer = Observer(scenario, self.layout)
        self.state: SimulatorState = simulator.start(np.zeros(n, np.int64))
        self.running = np.zeros(n, bool)
        self._buffer = np.zeros((n, self.layout.size), np.float32)
        self._rating = np.full(n, np.nan)
        self._item = np.full(n, -1, np.int64)
        self._reason = np.full(n, "", dtype="<U16")
        self._seeds, self._episodes = np.zeros(n, np.int64), np.zeros(n, np.int64)

    @property
    def n_actions(self) -> int:
        """Number of actions of one session."""
        return len(self.scenario.catalogue)

    @property
    def action_space(self) -> spaces.Discrete:
        """The space of one session's action."""
        return spaces.Discrete(self.n_actions)

    def reset(
        self,
        users: Sequence[int] | NDArray[np.integer],
        rows: NDArray[np.integer] | None = None,
        *,
        seeds: Sequence[int] | NDArray[np.integer] | int = 0,
        episodes: Sequence[int] | NDArray[np.integer] | int = 0,
    ) -> tuple[NDArray[np.float32], Infos]:
        """Begin a session of ``users[j]`` in ``rows[j]`` (all rows if None).

        Args:
            users: User indices.
            rows: Rows to begin in.
            seeds: Each session's own seed, which agents draw from; it is passed on in the infos.
            episodes: The how-manieth session of its seed each one is.

        Returns:
            Observations ``(B, d)`` and infos of all rows.
        """
        rows = np.arange(len(self.running)) if rows is None else rows
        users = np.asarray(users, np.int64)
        self.simulator.restart(self.state, rows, users)
        self.running[rows], self._rating[rows], self._item[rows], self._reason[rows] = True, np.nan, -1, ""
        self._seeds[rows], self._episodes[rows] = seeds, episodes
        self.observer.begin(self._buffer, rows, users)
        self._offer(rows)
        return self._buffer.copy(), self.infos()

    def step(
        self, actions: Sequence[int] | NDArray[np.integer]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], Infos]:
        """Play one action ``(B,)`` in every row that runs; the others give reward 0 and no flag.

        Raises:
            UsageError: Every session has ended, or an action is outside the space.
        """
        rows = np.flatnonzero(self.running)
        if not len(rows):
            raise UsageError(
                "a step needs a session that runs",
                cause="the session has ended, or was never reset",
                fix="call reset() first",
            )
        items = self.items_of(self._checked(np.asarray(actions), rows), rows)
        outcome = self.simulator.step(self.state, items, rows)
        n = len(self.running)
        reward, terminated, truncated = np.zeros(n), np.zeros(n, bool), np.zeros(n, bool)
        reward[rows], terminated[rows], truncated[rows] = outcome.rating, outcome.terminated, outcome.truncated
        self._rating[rows], self._item[rows] = outcome.rating, items
        self._reason[terminated] = self.simulator.user_model.exit_reason
        self.observer.update(self._buffer, rows, self.state.users[rows], items, outcome.rating, self.state.steps[rows])
        self.running[rows] = ~(outcome.terminated | outcome.truncated)
        self._offer(rows)
        return self._buffer.copy(), reward, terminated, truncated, self.infos()

    def items_of(self, actions: Index, rows: NDArray[np.integer]) -> Index:
        """The item indices that actions stand for."""
        return actions

    def infos(self) -> Infos:
        """What is known about each row, as arrays with the batch as first axis."""
        users = self.state.users
        item_id = np.where(self._item >= 0, self.scenario.catalogue.ids[self._item], -1)
        infos: Infos = {
            "user_id": self.scenario.users.ids[users],
            "user_index": users.copy(),
            "item_id": item_id,
            "item_index": self._item.copy(),
            "rating": self._rating.copy(),
            "exit_reason": self._reason.copy(),
            "step": self.state.steps.copy(),
            "seed": self._seeds.copy(),
            "episode": self._episodes.copy(),
            "running": self.running.copy(),
        }
        if "action_mask" in self.info_parts:
            infos["action_mask"] = self.action_mask()
        if "history" in self.info_parts:
            infos |= {"history_items": self.state.shown.copy(), "history_ratings": self.state.ratings.copy()}
        return infos

    def seen(self) -> NDArray[np.int32]:
        """``(B, T + L)`` items that each viewer has seen, in this session or in the profile, padded with -1."""
        return np.concatenate([self.state.shown, self.scenario.users.profile_items[self.state.users]], axis=1)

    def action_mask(self) -> NDArray[np.bool_]:
        """``(B, n_actions)`` bool, False for items that the viewer has seen."""
        mask = np.ones((len(self.running), len(self.scenario.catalogue)), bool)
        seen = self.seen()
        rows, places = np.nonzero(seen >= 0)
        mask[rows, seen[rows, places]] = False
        return mask

    def _layout(self) -> Layout:
        return Layout.of(self.scenario)

    def _offer(self, rows: NDArray[np.integer]) -> None:
        """Prepare what the next step offers; the whole catalogue needs nothing."""

    def _checked(self, actions: NDArray[Any], rows: NDArray[np.integer]) -> Index:
        n = len(self.running)
        if actions.shape != (n,) or not np.issubdtype(actions.dtype, np.integer):
            raise UsageError(
                f"actions must be {n} whole numbers",
                received=f"{actions.dtype} array of shape {actions.shape}",
                cause="a float or one-hot action, or another number of sessions",
            )
        chosen = actions[rows].astype(np.int64)
        outside = chosen[(chosen < 0) | (chosen >= self.n_actions)]
        if len(outside):
            raise UsageError(
                f"an action must lie in Discrete({self.n_actions})",
                received=int(outside[0]),
                cause="an item id in place of an action index, or an agent made for another environment",
                fix="use indices into scenario.catalogue, or action_space.sample()",
            )
        return chosen
