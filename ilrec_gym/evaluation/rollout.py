"""Rollouts: a policy plays sessions in lock-step until all have ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ilrec_gym.envs.sessions import Infos, Sessions
from ilrec_gym.evaluation.session_log import SessionLog

Observer = Callable[[NDArray[np.float32], NDArray[np.integer], Infos, NDArray[np.bool_]], None]


class Policy(Protocol):
    """Anything that chooses actions for a batch of sessions."""

    def act(self, observations: NDArray[np.float32], infos: Infos) -> NDArray[np.int64]:
        """Actions ``(B,)`` for observations ``(B, d)`` and infos with first axis B."""
        ...


def rollout(
    policy: Policy,
    sessions: Sessions,
    users: NDArray[np.integer],
    seeds: Sequence[int] | NDArray[np.integer],
    *,
    watch: Observer | None = None,
    description: str = "playing",
) -> SessionLog:
    """Play one session of every user, side by side.

    Args:
        policy: Chooses actions.
        sessions: The engine, with as many rows as there are users.
        users: ``(B,)`` user indices.
        seeds: ``(B,)`` each session's own seed.
        watch: Called after every decision with the observations before it, the actions, the infos before it,
            and which rows were running.
        description: What the progress bar calls it.

    Returns:
        The finished sessions, in the order of ``users``.
    """
    observations, infos = sessions.reset(users, seeds=seeds)
    truncated = np.zeros(len(users), bool)
    seconds, decisions = 0.0, 0
    with tqdm(total=len(users), desc=description, unit="session", disable=None, leave=False) as progress:
        while sessions.running.any():
            running = sessions.running.copy()
            start = time.perf_counter()
            actions = policy.act(observations, infos)
            seconds, decisions = seconds + time.perf_counter() - start, decisions + int(running.sum())
            if watch is not None:
                watch(observations, actions, infos, running)
            observations, _, _, reached, infos = sessions.step(actions)
            truncated |= reached
            progress.update(int(running.sum() - sessions.running.sum()))
    return session_log(sessions, truncated, seconds / max(decisions, 1))


def session_log(sessions: Sessions, truncated: NDArray[np.bool_], seconds_per_decision: Any) -> SessionLog:
    """The record of sessions that have all ended."""
    state, width = sessions.state, int(sessions.state.steps.max())
    return SessionLog(
        user_ids=sessions.scenario.users.ids[state.users],
        items=state.shown[:, :width].copy(),
        ratings=state.ratings[:, :width].copy(),
        lengths=state.steps.copy(),
        terminated=~truncated,
        truncated=truncated,
        exit_reasons=sessions.infos()["exit_reason"],
        seconds_per_decision=seconds_per_decision,
    )
