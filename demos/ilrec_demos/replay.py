"""Replaying: a journal holds actions, the environment gives the observations back, and every answer is compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray
from tqdm import tqdm

from ilrec_agents.offline.episodes import DatasetTask, Episode, SessionDataset
from ilrec_demos.header import Header
from ilrec_demos.journal import Journal, Session
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.envs.sessions import Infos, Sessions
from ilrec_gym.errors import ArtefactError, UsageError

Flags = NDArray[np.bool_]
TOLERANCE = 1e-6
"""How far a rating may lie from the journal's."""


def replay(
    journal: Journal, env: gym.Env[Any, Any] | None = None, *, batch_size: int = 512, partial: bool = False
) -> SessionDataset:
    """The sessions of a journal as a dataset, with the observations that the agent saw.

    Args:
        journal: A finished journal.
        env: The environment that it was played in; None makes it from the journal's header.
        batch_size: How many sessions are replayed side by side.
        partial: Whether the journal may be unfinished.

    Returns:
        The sessions by number, with the extras ``session``, ``user_id``, ``item_id``, and ``candidates`` (item ids) and
        ``propensity`` where every step of a session has them.

    Raises:
        ArtefactError: Another environment, or a journal that was damaged; says which session and step.
        UsageError: The journal is not finished, or has no environment spec and ``env`` is None.
    """
    if not journal.finished and not partial:
        raise UsageError(
            f"{journal.path} must be finished",
            received=f"{len(journal.sessions)} of {journal.header.sessions} sessions",
            cause="collecting was interrupted",
            fix="resume it, or export what there is with partial=True (--partial)",
        )
    base = environment_of(journal.header, env)
    episodes: list[Episode] = []
    sessions = journal.sessions
    with tqdm(total=len(sessions), desc="replaying", unit="session", disable=None, leave=False) as progress:
        for start in range(0, len(sessions), batch_size):
            group = sessions[start : start + batch_size]
            episodes += _Replay(base, group).episodes()
            progress.update(len(group))
    return SessionDataset(
        tuple(episodes),
        n_actions=int(base.sessions.n_actions),
        observation_dim=base.layout.size,
        task=DatasetTask(journal.header.task, journal.header.env),
    )


def environment_of(header: Header, env: gym.Env[Any, Any] | None = None) -> MovieLensEnv:
    """The environment of a journal: the one given if it is the right one, or one made from the header.

    Raises:
        ArtefactError: It is another environment.
        UsageError: None is given and the header has no spec.
    """
    if env is None:
        if header.env is None:
            raise UsageError(
                "a journal without an environment spec needs env=",
                cause="the environment was made with an object as dataset or user model, or without gym.make",
                fix="make the same environment and pass it",
            )
        env = gym.make(EnvSpec.from_json(json.dumps(header.env)))
    base = env.unwrapped
    if not isinstance(base, MovieLensEnv):
        raise UsageError("journals are replayed in environments of ilrec_gym", received=env)
    if base.fingerprint != header.fingerprint:
        ours, theirs = header.task, base.describe()
        differs = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
        raise ArtefactError(
            "a journal can be replayed only in the environment that it was played in",
            received=f"differs in: {', '.join(differs) or 'its own fingerprint'}",
            cause="another data set, user model, horizon or version",
            fix="make the same environment again",
        )
    return base


@dataclass(frozen=True)
class _Replay:
    """Some sessions played again, side by side."""

    env: MovieLensEnv
    sessions: Sequence[Session]

    def episodes(self) -> list[Episode]:
        engine, lengths = self.env.batch(len(self.sessions)), np.array([len(session) for session in self.sessions])
        actions = self._actions(engine, lengths)
        observations, infos = engine.reset(self._users(), seeds=[session.seed for session in self.sessions])
        kept = np.zeros((lengths.max() + 1, *observations.shape), np.float32)
        kept[0] = observations
        for t in range(lengths.max()):
            playing = np.flatnonzero(t < lengths)
            self._compare_offer(playing, t, infos)
            kept[t + 1], _, terminated, truncated, infos = engine.step(actions[:, t])
            self._compare_answer(playing, t, infos, terminated, truncated)
        return [self._episode(row, kept[: lengths[row] + 1, row].copy()) for row in range(len(self.sessions))]

    def _actions(self, engine: Sessions, lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """``(B, T)``, padded with 0: rows that have ended are frozen."""
        actions = np.zeros((len(self.sessions), lengths.max()), np.int64)
        for row, session in enumerate(self.sessions):
            for t, step in enumerate(session.steps):
                if not 0 <= step.action < engine.n_actions:
                    raise self._differs(row, t, "action", step.action, f"Discrete({engine.n_actions})")
                actions[row, t] = step.action
        return actions

    def _users(self) -> NDArray[np.int64]:
        users, scenario = self.env.draw_users([session.seed for session in self.sessions]), self.env.scenario
        for row, (session, user_id) in enumerate(zip(self.sessions, scenario.users.ids[users].tolist(), strict=True)):
            if session.user_id != user_id:
                raise self._differs(row, 0, "user_id", session.user_id, user_id)
        return users

    def _compare_offer(self, playing: NDArray[np.int64], t: int, infos: Infos) -> None:
        if "candidates" not in infos:
            return
        offered = self.env.scenario.catalogue.ids[infos["candidates"]].tolist()
        for row in playing.tolist():
            recorded = self.sessions[row].steps[t].candidates
            if recorded is not None and list(recorded) != offered[row]:
                raise self._differs(row, t, "candidates", recorded, offered[row])

    def _compare_answer(
        self, playing: NDArray[np.int64], t: int, infos: Infos, terminated: Flags, truncated: Flags
    ) -> None:
        items, ratings, reasons = (infos[key].tolist() for key in ("item_id", "rating", "exit_reason"))
        for row in playing.tolist():
            session = self.sessions[row]
            step, last = session.steps[t], t == len(session) - 1
            if step.item_id != items[row]:
                raise self._differs(row, t, "item_id", step.item_id, items[row])
            if not abs(step.rating - ratings[row]) <= TOLERANCE:
                raise self._differs(row, t, "rating", step.rating, ratings[row])
            if bool(terminated[row] | truncated[row]) != last:
                raise self._differs(row, t, "end of the session", last, not last)
            if last and (session.terminated, session.exit_reason) != (bool(terminated[row]), reasons[row]):
                raise self._differs(row, t, "exit_reason", session.exit_reason, reasons[row])

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

    def _differs(self, row: int, t: int, what: str, recorded: object, found: object) -> ArtefactError:
        return ArtefactError(
            f"session {self.sessions[row].number}, step {t + 1}: the environment must answer as the journal says",
            received=f"{what}: {recorded!r} in the journal, {found!r} when replayed",
            cause="a journal that was damaged or edited, or another environment",
            fix="restore the journal, or collect it anew",
        )
