"""Sessions: the engine behind every environment form. B sessions in lock-step, public half beside hidden half."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from array_api_compat import is_torch_array
from gymnasium import spaces

from ilrec_gym.envs.observation import Layout, Observer
from ilrec_gym.errors import UsageError, unknown_name
from ilrec_gym.simulation.backend import copied, rows_where, to_host
from ilrec_gym.simulation.scenario import Scenario
from ilrec_gym.simulation.simulator import Outcome, Simulator
from ilrec_gym.simulation.state import SimulatorState

Infos = dict[str, Any]
INFO_PARTS = ("action_mask", "history")
"""Parts of the info that are there where asked for."""


class Sessions:
    """B sessions of one scenario, whose action is an item of the whole catalogue.

    Arrays are NumPy's or torch's, as the simulator's backend has it. Rows that have ended stay as they are until they
    are reset; ``running`` says which still play.

    Attributes:
        running: ``(B,)`` bool.
        observations: ``(B, d)`` float32, written in place at every step.
        state: The simulator's state. Hidden from agents, but for the oracles that are marked so.
    """

    def __init__(self, scenario: Scenario, simulator: Simulator, n: int, info: Sequence[str] = ()) -> None:
        for part in info:
            if part not in INFO_PARTS:
                raise unknown_name("part of info", part, INFO_PARTS)
        self.scenario, self.simulator, self.info_parts = scenario, simulator, tuple(info)
        self.layout = self._layout()
        backend = self.backend = simulator.backend
        self.observer = Observer(scenario, self.layout, backend)
        self.state: SimulatorState = simulator.start(np.zeros(n, np.int64))
        self.running = backend.full(n, False, "bool")
        self.observations = backend.full((n, self.layout.size), 0, "float32")
        self._rating = backend.full(n, np.nan, "float64")
        self._item = backend.full(n, -1, "int64")
        self._item_ids = backend.array(np.append(scenario.catalogue.ids, -1))
        self._user_ids = backend.array(scenario.users.ids)
        self._profile_items = backend.array(scenario.users.profile_items)
        self._reasons = np.array(["", *simulator.user_model.exit_reasons])

    def __len__(self) -> int:
        return len(self.running)

    @property
    def n_actions(self) -> int:
        """Number of actions of one session."""
        return len(self.scenario.catalogue)

    @property
    def action_space(self) -> spaces.Discrete | spaces.MultiDiscrete:
        """The space of one session's action."""
        return spaces.Discrete(self.n_actions)

    def reset(self, users: Any, rows: Any = None, *, seeds: Any = 0, episodes: Any = 0) -> tuple[Any, Infos]:
        """Begin a session of ``users[j]`` in ``rows[j]`` (all rows if None).

        Args:
            users: User indices.
            rows: Rows to begin in.
            seeds: Each session's own seed, which chance and agents draw from; it is passed on in the infos.
            episodes: The number of each one among the sessions of its seed, from 0.

        Returns:
            Observations ``(B, d)`` and infos of all rows.
        """
        self.begin(users, rows, seeds=seeds, episodes=episodes)
        return copied(self.observations), self.infos()

    def begin(self, users: Any, rows: Any = None, *, seeds: Any = 0, episodes: Any = 0) -> None:
        """As :meth:`reset`, without the copies that it returns."""
        put = self.backend.array
        rows = self.backend.xp.arange(len(self), device=self.backend.device) if rows is None else put(rows, "int64")
        users, seeds, episodes = put(users, "int64"), put(seeds, "int64"), put(episodes, "int64")
        self.simulator.restart(self.state, rows, users, seeds=seeds, episodes=episodes)
        self.running[rows], self._rating[rows], self._item[rows] = True, np.nan, -1
        self.observer.begin(self.observations, rows, users)
        self.offer(rows)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, Infos]:
        """Play one action ``(B,)`` in every row that runs; the others give reward 0 and no flag.

        Raises:
            UsageError: Every session has ended, or an action is outside the space.
        """
        played, idle = rows_where(self.running), rows_where(~self.running)
        if len(idle) == len(self):
            raise UsageError(
                "a step needs a session that runs",
                cause="the session has ended, or was never reset",
                fix="call reset() first",
            )
        items = self.items_of(self.checked(actions))
        kept = [copied(array[idle]) for array in self._rows_of_public] if len(idle) else []
        hidden = self.state.take(idle) if len(idle) else None
        outcome = self.advance(items)
        if hidden is not None:
            self.state.put(idle, hidden)
            for array, rows in zip(self._rows_of_public, kept, strict=True):
                array[idle] = rows
            outcome.rating[idle], outcome.terminated[idle], outcome.truncated[idle] = 0.0, False, False
        self.offer(played)
        return (
            copied(self.observations), outcome.rating, outcome.terminated, outcome.truncated, self.infos(),
        )  # fmt: skip

    def advance(self, items: Any) -> Outcome:
        """Show one item ``(B,)`` in every row, in place: the step without checks, copies and offers.

        Rows that have ended are played too, and have to be begun again, or put back, by the caller.
        """
        outcome = self.simulator.step(self.state, items)
        self._rating[...], self._item[...] = outcome.rating, items
        self.observer.update(self.observations, items, outcome.rating, self.state.steps)
        self.running[...] = ~(outcome.terminated | outcome.truncated)
        return outcome

    def items_of(self, actions: Any) -> Any:
        """The item indices ``(B,)`` that actions stand for."""
        return actions

    def infos(self) -> Infos:
        """What is known about each row, as arrays with the batch as first axis."""
        state = self.state
        infos: Infos = {
            "user_id": self._user_ids[state.users],
            "user_index": copied(state.users),
            "item_id": self._item_ids[self._item],
            "item_index": copied(self._item),
            "rating": copied(self._rating),
            "step": copied(state.steps),
            "seed": copied(state.seeds),
            "session": copied(state.episodes),
            "running": copied(self.running),
        }
        if self.backend.on_host:
            infos["exit_reason"] = self._reasons[state.exits]
        else:
            infos["exit_code"] = copied(state.exits)  # strings cannot live on a device
        if "action_mask" in self.info_parts:
            infos["action_mask"] = self.action_mask()
        if "history" in self.info_parts:
            infos |= {"history_items": copied(state.shown), "history_ratings": copied(state.ratings)}
        return infos

    def seen(self, rows: Any = slice(None)) -> Any:
        """``(R, T + L)`` items that each viewer has seen, in this session or in the profile, padded with -1."""
        state = self.state
        return self.backend.xp.concat([state.shown[rows], self._profile_items[state.users[rows]]], axis=1)

    def action_mask(self) -> Any:
        """``(B, n_actions)`` bool, False for items that the viewer has seen."""
        return self.unseen()

    def unseen(self) -> Any:
        """``(B, I)`` bool over the catalogue, False for items that the viewer has seen."""
        mask = self.backend.full((len(self), len(self.scenario.catalogue)), True, "bool")
        seen = self.seen()
        rows, places = self.backend.xp.nonzero(seen >= 0)
        mask[rows, seen[rows, places]] = False
        return mask

    @property
    def _rows_of_public(self) -> tuple[Any, ...]:
        return self.observations, self._rating, self._item, self.running

    def _layout(self) -> Layout:
        return Layout.of(self.scenario)

    def offer(self, rows: Any) -> None:
        """Prepare what the next step offers in these rows; the whole catalogue needs nothing."""

    def checked(self, actions: Any) -> Any:
        """Actions as indices; 0 in rows that do not run.

        Tensors on a device are clipped into the space: to look for one outside would wait for the device.

        Raises:
            UsageError: Another shape or dtype, or an action outside the space.
        """
        if is_torch_array(actions) and not self.backend.on_host:
            xp = self.backend.xp
            running = xp.reshape(self.running, (-1, *(1,) * (actions.ndim - 1)))
            return xp.where(running, xp.clip(xp.astype(actions, xp.int64), 0, self.n_actions - 1), 0)
        actions, shape = np.asarray(actions), (len(self), *(self.action_space.shape or ()))
        if actions.shape != shape or actions.dtype.kind not in "iu":
            raise UsageError(
                f"actions must be whole numbers of shape {shape}",
                received=f"{actions.dtype} array of shape {actions.shape}",
                cause="a float or one-hot action, or another number of sessions",
            )
        running = to_host(self.running).reshape(-1, *(1,) * (len(shape) - 1))
        chosen = np.where(running, actions, 0).astype(np.int64)
        outside = chosen[(chosen < 0) | (chosen >= self.n_actions)]
        if len(outside):
            raise UsageError(
                f"an action must lie in {self.action_space}",
                received=int(outside[0]),
                cause="an item id in place of an action index, or an agent made for another environment",
                fix="use indices into scenario.catalogue, or action_space.sample()",
            )
        return self.backend.array(chosen)
