"""Playing recorded sessions again, side by side, and telling of everything that comes out otherwise than recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.offline.episodes import Episode
from ilrec_demos.journal import Session
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.envs.sessions import Infos, Sessions

Flags = NDArray[np.bool_]
TOLERANCE = 1e-6
"""How far a rating may lie from the recorded one."""


@dataclass(frozen=True)
class Difference:
    """Something that the environment does not say again.

    Attributes:
        session: Number of the session.
        step: Its step, from 1.
        what: What differs.
        recorded: As it was recorded.
        found: As it is when replayed.
    """

    session: int
    step: int
    what: str
    recorded: object
    found: object

    @property
    def place(self) -> str:
        """Where."""
        return f"session {self.session}, step {self.step}"

    @property
    def said(self) -> str:
        """What, in words."""
        return f"{self.what}: {self.recorded!r} in the journal, {self.found!r} when replayed"


@dataclass(frozen=True)
class Comparison:
    """Some sessions to be played again.

    Attributes:
        env: Where they were played.
        sessions: What was recorded.
        report: Told of each difference in the order of the steps; it may raise. After one that leads a session
            elsewhere (another viewer, offer, item or end) no more is said of that session.
        viewers: The user id of every session of the journal, by number; None where they were drawn by seed.
        masked: Whether to report items that the mask forbids.
        reasons: Whether the reasons why viewers left were recorded.
    """

    env: MovieLensEnv
    sessions: Sequence[Session]
    report: Callable[[Difference], None]
    viewers: Sequence[int] | None = None
    masked: bool = False
    reasons: bool = True

    def episodes(self) -> list[Episode]:
        """The sessions with the observations that the agent saw; those that differ are worth nothing."""
        engine = self.env.batch(len(self.sessions), ("action_mask",) if self.masked else ())
        lengths, sound = np.array([len(session) for session in self.sessions]), np.ones(len(self.sessions), bool)
        users = self._users(sound)
        observations, infos = engine.reset(users, seeds=[session.seed for session in self.sessions])
        kept = np.zeros((lengths.max() + 1, *observations.shape), np.float32)
        kept[0] = observations
        for t in range(lengths.max()):
            actions = self._actions(engine, t, sound & (t < lengths))
            self._compare_offer(t, infos, sound & (t < lengths))
            if not engine.running.any():
                break
            kept[t + 1], _, terminated, truncated, infos = engine.step(actions)
            self._compare_answer(t, infos, terminated, truncated, sound & (t < lengths), sound)
        return [self._episode(row, kept[: lengths[row] + 1, row].copy()) for row in range(len(self.sessions))]

    def _users(self, sound: Flags) -> NDArray[np.int64]:
        scenario, seeds = self.env.scenario, [session.seed for session in self.sessions]
        if self.viewers is None:
            users = self.env.draw_users(seeds)
        else:
            users = np.array([scenario.users.index_of(int(self.viewers[s.number])) for s in self.sessions])
        for row, user_id in enumerate(scenario.users.ids[users].tolist()):
            if self.sessions[row].user_id != user_id:
                sound[row] = False
                self._tell(row, 0, "user_id", self.sessions[row].user_id, user_id)
        return users

    def _actions(self, engine: Sessions, t: int, playing: Flags) -> NDArray[np.int64]:
        """``(B,)``, 0 in rows that have ended or differ, and in place of an action that there is not."""
        actions = np.zeros(len(self.sessions), np.int64)
        for row in np.flatnonzero(playing).tolist():
            action = self.sessions[row].steps[t].action
            if 0 <= action < engine.n_actions:
                actions[row] = action
            else:
                self._tell(row, t, "action", action, f"Discrete({engine.n_actions})")
        return actions

    def _compare_offer(self, t: int, infos: Infos, playing: Flags) -> None:
        offered = self.env.scenario.catalogue.ids[infos["candidates"]].tolist() if "candidates" in infos else None
        for row in np.flatnonzero(playing).tolist():
            step = self.sessions[row].steps[t]
            if offered is not None and step.candidates is not None and list(step.candidates) != offered[row]:
                self._tell(row, t, "candidates", step.candidates, offered[row])
            mask = infos["action_mask"][row] if self.masked else None
            if mask is not None and mask.any() and 0 <= step.action < len(mask) and not mask[step.action]:
                self._tell(row, t, "masked item", step.item_id, "an item that the viewer had not seen")

    def _compare_answer(
        self, t: int, infos: Infos, terminated: Flags, truncated: Flags, playing: Flags, sound: Flags
    ) -> None:
        items, ratings, reasons = (infos[key].tolist() for key in ("item_id", "rating", "exit_reason"))
        for row in np.flatnonzero(playing).tolist():
            session = self.sessions[row]
            step, last = session.steps[t], t == len(session) - 1
            ended = bool(terminated[row] | truncated[row])
            if step.item_id != items[row]:
                sound[row] = False
                self._tell(row, t, "item_id", step.item_id, items[row])
                continue
            if not abs(step.rating - ratings[row]) <= TOLERANCE:
                self._tell(row, t, "rating", step.rating, ratings[row])
            if ended != last:
                sound[row] = False
                self._tell(row, t, "end of the session", last, not last)
            elif last and self._end(session.terminated, session.exit_reason) != self._end(
                bool(terminated[row]), reasons[row]
            ):
                self._tell(row, t, "exit_reason", session.exit_reason, reasons[row])

    def _end(self, terminated: bool, reason: str) -> tuple[bool, str]:
        return terminated, reason if self.reasons else ""

    def _episode(self, row: int, observations: NDArray[np.float32]) -> Episode:
        session = self.sessions[row]
        steps, n = session.steps, len(session)
        extras: dict[str, NDArray[Any]] = {
            "session": np.full(n, session.number),
            "user_id": np.full(n, session.user_id),
            "item_id": np.array([step.item_id for step in steps]),
        }
        if all(step.propensity is not None for step in steps):
            extras["propensity"] = np.array([step.propensity for step in steps], np.float64)
        if all(step.candidates is not None for step in steps):
            extras["candidates"] = np.array([step.candidates for step in steps], np.int64)
        return Episode(
            observations,
            np.array([step.action for step in steps]),
            np.array([step.rating for step in steps]),
            session.terminated,
            extras,
        )

    def _tell(self, row: int, t: int, what: str, recorded: object, found: object) -> None:
        self.report(Difference(self.sessions[row].number, t + 1, what, recorded, found))
