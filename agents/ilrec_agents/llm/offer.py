"""What a language model chooses among, and what it must be told of the sessions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Infos, Observations
from ilrec_agents.heuristic.retriever import RetrieverRandomAgent, RetrieverRandomConfig
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError

SHORTLIST = 20
"""Films that the public retriever offers where the whole catalogue is too much."""


def everything(task: Task, observations: Observations) -> NDArray[np.int64]:
    """All actions ``(B, n_actions)``."""
    return np.tile(np.arange(task.n_actions), (len(observations), 1))


def retrieved(task: Task, observations: Observations, infos: Infos) -> NDArray[np.int64]:
    """Actions ``(B, n)`` of a whole catalogue: the public retriever's first, best first."""
    n = min(SHORTLIST, task.n_actions - 1)
    offer = RetrieverRandomAgent(task, RetrieverRandomConfig(n=n)).probabilities(observations, infos)
    return np.argsort(-offer, axis=1, kind="stable")[:, :n]


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
