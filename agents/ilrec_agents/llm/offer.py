"""What a language model chooses among, and what it must be told of the sessions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Infos, Observations
from ilrec_agents.heuristic.personal import MMRAgent
from ilrec_agents.heuristic.retriever import RetrieverRandomAgent, RetrieverRandomConfig
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError

SHORTLIST = 20
"""Films that the public retriever offers where the whole catalogue is too much."""


def everything(task: Task, observations: Observations) -> NDArray[np.int64]:
    """All actions ``(B, n_actions)``."""
    return np.tile(np.arange(task.n_actions), (len(observations), 1))


def retrieved(task: Task, observations: Observations, infos: Infos) -> NDArray[np.int64]:
    """Actions ``(B, n)`` of a whole catalogue: the public retriever's first, in the catalogue's order."""
    n = min(SHORTLIST, task.n_actions - 1)
    offer = RetrieverRandomAgent(task, RetrieverRandomConfig(n=n)).probabilities(observations, infos)
    return np.argsort(-offer, axis=1, kind="stable")[:, :n]


def ranks(
    task: Task, observations: Observations, infos: Infos, places: NDArray[np.int64], free: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """How many films come before each in the public retriever's order ``(B, S)``, masked ones last.

    Candidates stand in that order already; of a whole catalogue the films are ranked by the retriever's scores.

    Args:
        task: The task.
        observations: ``(B, d)``.
        infos: As agents get them.
        places: ``(B, S)`` actions.
        free: ``(B, S)`` which of them may be chosen.
    """
    if task.n_candidates:
        return places
    scores = MMRAgent(task, RetrieverRandomConfig()).item_scores(observations, infos)
    mine = np.where(free, np.take_along_axis(scores, places, axis=1), -np.inf)
    return np.argsort(np.argsort(-mine, axis=1, kind="stable"), axis=1)


def check_history(name: str, infos: Infos) -> None:
    """Refuse infos without the history of the sessions.

    Raises:
        UsageError: There is none.
    """
    if "history_items" not in infos:
        raise UsageError(
            f"the agent {name!r} needs the history of the session in the infos",
            received=sorted(infos),
            cause="an environment made without it",
            fix='gym.make(..., info=["action_mask", "history"])',
        )
