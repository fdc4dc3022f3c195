"""A journal as a session log, which metrics and tables are made from."""

from __future__ import annotations

import numpy as np

from ilrec_demos.journal import Journal
from ilrec_gym.evaluation import SessionLog
from ilrec_gym.simulation.scenario import Catalogue


def session_log_of(journal: Journal, catalogue: Catalogue) -> SessionLog:
    """The journal's sessions as arrays, in its order, with the mean time of a decision."""
    sessions = journal.sessions
    index = {int(item_id): item for item, item_id in enumerate(catalogue.ids)}
    lengths = np.array([len(session.steps) for session in sessions])
    items = np.full((len(sessions), lengths.max()), -1, np.int32)
    ratings = np.full(items.shape, np.nan)
    for row, session in enumerate(sessions):
        items[row, : lengths[row]] = [index[step.item_id] for step in session.steps]
        ratings[row, : lengths[row]] = [step.rating for step in session.steps]
    terminated = np.array([session.terminated for session in sessions])
    return SessionLog(
        user_ids=np.array([session.user_id for session in sessions]),
        items=items,
        ratings=ratings,
        lengths=lengths,
        terminated=terminated,
        truncated=~terminated,
        exit_reasons=np.array([session.exit_reason if session.terminated else "" for session in sessions]),
        seconds_per_decision=sum(session.seconds for session in sessions) / float(lengths.sum()),
    )
