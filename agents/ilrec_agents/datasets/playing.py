"""Playing a dataset: sessions side by side, with the chance of everything that was done."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ilrec_agents.base import Agent, StochasticAgent
from ilrec_agents.offline.episodes import Episode
from ilrec_gym.envs.movielens import MovieLensEnv

BATCH = 512
"""Most sessions that are played side by side."""


def play(agent: Agent, env: MovieLensEnv, *, steps: int, first_seed: int) -> tuple[Episode, ...]:
    """Whole sessions of an agent with users of the environment's split: the first so many that hold ``steps`` steps.

    Session i has the seed ``first_seed + i``, which decides its user and what the agent draws.

    Args:
        agent: Who plays.
        env: Where.
        steps: Least number of steps of all sessions together.
        first_seed: Of the first session.

    Returns:
        Sessions by number, as :func:`side_by_side` gives them.
    """
    found: list[Episode] = []
    rows = min(BATCH, -(-steps // 8))
    with tqdm(total=steps, desc=f"playing {agent.name}", unit="step", disable=None, leave=False) as progress:
        held = 0
        while held < steps:
            for episode in side_by_side(agent, env, first_seed + len(found) + np.arange(rows)):
                if held < steps:
                    found.append(episode)
                    held += len(episode)
            progress.update(min(held, steps) - progress.n)
    return tuple(found)


def side_by_side(agent: Agent, env: MovieLensEnv, seeds: NDArray[np.int64]) -> list[Episode]:
    """One session for each seed, which decides its user and what the agent draws.

    Returns:
        Sessions in the order of the seeds, with the extras ``propensity``, ``item_id`` and ``user_id``, and where items
        are on offer ``candidates`` (item ids) and ``probabilities`` ``(T, n_actions)``.
    """
    sessions, users = env.batch(len(seeds), sorted({*agent.info, "action_mask"})), env.draw_users(seeds)
    ids, offers = env.scenario.catalogue.ids, bool(env.layout.n_candidates)
    observations, infos = sessions.reset(users, seeds=seeds)
    columns: dict[str, list[NDArray[Any]]] = {"observations": [observations]}
    while sessions.running.any():
        probabilities = agent.probabilities(observations, infos)
        if isinstance(agent, StochasticAgent):
            actions = agent.drawn(probabilities, infos)
        else:
            actions = probabilities.argmax(axis=1)
        propensities = np.take_along_axis(probabilities, actions[:, None], axis=1)[:, 0]
        offered = {"candidates": ids[infos["candidates"]], "probabilities": probabilities} if offers else {}
        observations, rewards, *_, infos = sessions.step(actions)
        row = {"observations": observations, "actions": actions, "rewards": rewards, "propensity": propensities}
        for name, values in {**row, "item_id": infos["item_id"], **offered}.items():
            columns.setdefault(name, []).append(values)
    played = {name: np.stack(values, axis=1) for name, values in columns.items()}
    left, user_ids = infos["exit_reason"] != "", infos["user_id"]
    return [
        _episode(played, row, int(length), bool(left[row]), int(user_ids[row]))
        for row, length in enumerate(sessions.state.steps)
    ]


def _episode(played: dict[str, NDArray[Any]], row: int, length: int, left: bool, user_id: int) -> Episode:
    extras = {name: played[name][row, :length] for name in played if name not in ("observations", "actions", "rewards")}
    return Episode(
        played["observations"][row, : length + 1],
        played["actions"][row, :length],
        played["rewards"][row, :length],
        left,
        extras | {"user_id": np.full(length, user_id)},
    )
