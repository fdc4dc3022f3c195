"""Logged sessions: the real rating sequences of a data set as a dataset of sessions, the next item being the action.

| choice | what | why |
|---|---|---|
| session | a user's ratings without a pause longer than ``gap``, 60 minutes by default; ``gap=None``: all of them | pauses that long are those between sittings |
| profile | the first ``profile_length`` ratings are not played | they are what an agent knows when a session starts |
| action | the item that the user rated next | items outside the catalogue are left out |
| observation | what the environment would have shown, had it recommended these items and got these ratings | agents learn and act on the same |
| reward | the logged rating, or that less the mean of the user's profile (``reward="centred"``) | what the environment gives |
| terminated | a silence longer than the gap follows | the user has left |
| truncated | the log ends within the gap, or the session reaches the environment's ``max_steps``; what follows is another session | the user had not left, as far as anybody knows |

A log says what users chose to rate, in the order in which they did. It says nothing of items that were offered and not
taken, so it is for the whole catalogue only; and ratings of one second come in the order of the source file.
"""  # noqa: E501

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from ilrec_agents.offline.env_spec import spec_of
from ilrec_agents.offline.episodes import DatasetTask, Episode, SessionDataset
from ilrec_gym.data import InteractionData, load_dataset
from ilrec_gym.data.log_sessions import GAP, Runs
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.envs.observation import Observer
from ilrec_gym.errors import UsageError, unknown_name
from ilrec_gym.simulation.logged_items import LoggedItems, logged_items

REWARDS = {
    "rating": "the logged rating, on the data set's scale",
    "centred": "the logged rating less the mean of the ratings in the user's profile",
}


def logged_sessions(
    env: gym.Env[Any, Any],
    data: InteractionData | None = None,
    *,
    gap: float | None = GAP,
    log_end: str = "data",
    reward: str = "rating",
    allow_test_users: bool = False,
    batch_size: int = 512,
) -> SessionDataset:
    """The real sessions of the users of an environment's split.

    Args:
        env: An environment whose action is an item of the whole catalogue; its split, horizon and profile length apply.
        data: The data set that the environment was made from; None loads it by its name.
        gap: Minutes of silence that end a session; None makes one session of each user's log.
        log_end: What is not known: ``"data"``: what came after the data set's last rating; ``"user"``: also what came
            after a user's own last rating, so that every user's last session is truncated.
        reward: One of :data:`REWARDS`.
        allow_test_users: Whether the users may be those that agents are evaluated on.
        batch_size: How many sessions are observed side by side.

    Returns:
        Sessions by user and time, with the extras ``session`` (a number), ``user_id``, ``item_id`` and ``timestamp``.

    Raises:
        UsageError: An environment that offers candidates or slates, test users without leave, or no session.
        DataError: Another data set than the environment's, or one without times.
    """
    base = checked_env(env, allow_test_users)
    if reward not in REWARDS:
        raise unknown_name("reward", reward, REWARDS)
    data, scenario = data_of(base) if data is None else data, base.scenario
    logged = logged_items(data, scenario, gap, log_end)
    profile = scenario.users.profile_items.shape[1]
    played = logged[(logged.place >= profile) & np.isin(logged.user, base.users)]
    if not len(played):
        raise UsageError(
            "some user must have rated more than the profile holds", received=f"profile_length {profile}",
            cause="a long profile, or a small data set",
        )  # fmt: skip
    runs = Runs.of(_pieces(played.session, base.max_steps))
    observations = _observations(base, played, runs, batch_size)
    baseline = _profile_means(base)[played.user] if reward == "centred" else 0.0
    rewards = (played.rating - baseline).astype(np.float32)
    episodes = []
    for number, (start, length) in enumerate(zip(runs.start.tolist(), runs.length.tolist(), strict=True)):
        rows = slice(start, start + length)
        extras = {
            "session": np.full(length, number),
            "user_id": scenario.users.ids[played.user[rows]],
            "item_id": scenario.catalogue.ids[played.item[rows]],
            "timestamp": played.timestamp[rows],
        }
        left = bool(played.left[start + length - 1])
        episodes.append(Episode(observations[number], played.item[rows], rewards[rows], left, extras))
    return SessionDataset(
        tuple(episodes), len(scenario.catalogue), base.layout.size, DatasetTask(base.describe(), spec_of(env))
    )


def data_of(base: MovieLensEnv) -> InteractionData:
    """The data set that an environment was made from.

    Raises:
        UsageError: It was made from a scenario, or without ``gym.make``.
    """
    options = base.spec.kwargs if base.spec else {"dataset": None}
    dataset = options.get("dataset", "ml-latest-small")
    if isinstance(dataset, InteractionData):
        return dataset
    if not isinstance(dataset, str):
        raise UsageError(
            "the log of this environment must be given", cause="an environment that was not made from a named data set",
            fix="data=, the InteractionData that its scenario was built from",
        )  # fmt: skip
    return load_dataset(dataset, options.get("data_path"))


def _pieces(session: NDArray[np.int64], max_steps: int) -> NDArray[np.int64]:
    """Numbers of sessions that are none longer than ``max_steps``."""
    start, length = Runs.of(session)
    within = np.arange(len(session)) - np.repeat(start, length)
    return np.cumsum(within % max_steps == 0) - 1


def _observations(base: MovieLensEnv, played: LoggedItems, runs: Runs, batch_size: int) -> list[NDArray[np.float32]]:
    """What the environment shows before each step and after the last, ``(T + 1, d)`` for each session."""
    observer, found = (
        Observer(base.scenario, base.layout),
        [np.empty((n + 1, base.layout.size), np.float32) for n in runs.length],
    )
    longest_first = np.argsort(-runs.length, kind="stable")
    for first in range(0, len(longest_first), batch_size):
        group = longest_first[first : first + batch_size]
        part = Runs(runs.start[group], runs.length[group])
        buffer = np.zeros((len(group), base.layout.size), np.float32)
        observer.begin(buffer, np.arange(len(group)), played.user[part.start])
        for row, number in enumerate(group):
            found[number][0] = buffer[row]
        for t, rows in enumerate(part.lockstep(), start=1):
            observer.update(buffer[: len(rows)], played.item[rows], played.rating[rows], np.full(len(rows), t))
            for row, number in enumerate(group[: len(rows)]):
                found[number][t] = buffer[row]
    return found


def _profile_means(base: MovieLensEnv) -> NDArray[np.float64]:
    """``(U,)``; users with ratings to play have a whole profile."""
    ratings = base.scenario.users.profile_ratings
    return np.where(np.isnan(ratings), 0.0, ratings).sum(axis=1) / np.maximum((~np.isnan(ratings)).sum(axis=1), 1)


def checked_env(env: gym.Env[Any, Any], allow_test_users: bool) -> MovieLensEnv:
    """The environment itself, if its users' logs can be played there.

    Raises:
        UsageError: It offers candidates or slates, or has test users without leave.
    """
    base = env.unwrapped
    if not isinstance(base, MovieLensEnv) or env.action_space != gym.spaces.Discrete(len(base.scenario.catalogue)):
        raise UsageError(
            "a log is for an environment whose action is an item of the whole catalogue",
            received=str(env),
            cause="an environment that offers candidates or slates: a log does not say what was offered",
            fix="take ilrec/MovieLens-v0",
        )
    if base.split != "train" and not allow_test_users:
        raise UsageError(
            'logs must be those of the split "train"',
            received=base.split,
            cause="agents are evaluated on test users; learning from them makes the evaluation worthless",
            fix='gym.make(..., split="train"), or allow_test_users=True (--allow-test-users) if that is meant',
        )
    return base
