"""Replaying: a journal holds actions, the environment gives the observations back, and every answer is compared."""

from __future__ import annotations

import json
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec
from tqdm import tqdm

from ilrec_agents.descriptions import differences
from ilrec_agents.offline.episodes import DatasetTask, Episode, SessionDataset
from ilrec_demos.comparison import Comparison, Difference
from ilrec_demos.header import Header
from ilrec_demos.journal import Journal
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.errors import ArtefactError, UsageError


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
            episodes += Comparison(base, group, _refuse, viewers=journal.header.users).episodes()
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
        raise ArtefactError(
            "a journal can be replayed only in the environment that it was played in",
            received=f"differs in: {differences(header.task, base.describe()) or 'its own fingerprint'}",
            cause="another data set, user model, horizon or version",
            fix="make the same environment again",
        )
    return base


def _refuse(difference: Difference) -> None:
    raise ArtefactError(
        f"{difference.place}: the environment must answer as the journal says",
        received=difference.said,
        cause="a journal that was damaged or edited, or another environment",
        fix="restore the journal, or collect it anew",
    )
