"""Metrics over recorded sessions, one small function each.

Definitions. Session s shows the items a_1 .. a_L with ratings y_1 .. y_L; I is the catalogue.

``Len`` = L, ``R_traj`` = sum_t y_t and ``R_each`` = R_traj / L are the headline numbers of the papers on interactive
recommendation (CIRS, Gao et al. 2023; DORL, Gao et al. 2023; IL-Rec, 2025). R_each is taken per session first and
averaged over users afterwards, so a long session weighs as much as a short one.

The *leaving step* is the last step of a terminated session. Published simulators differ in whether it counts, so each
of the three takes ``leaving_step``: True counts it, False leaves it out. A truncated session has none.
"""

from __future__ import annotations

import numpy as np

from ilrec_gym.errors import UsageError
from ilrec_gym.evaluation.session_log import SessionLog


def counted_steps(log: SessionLog, *, leaving_step: bool = True) -> np.ndarray:
    """(N, T) bool: the steps that count."""
    ends = log.lengths if leaving_step else log.lengths - log.terminated
    return np.arange(log.items.shape[1]) < ends[:, None]


def length(log: SessionLog, *, leaving_step: bool = True) -> np.ndarray:
    """Len: (N,) float64, the steps of each session."""
    return counted_steps(log, leaving_step=leaving_step).sum(1).astype(np.float64)


def trajectory_return(log: SessionLog, *, leaving_step: bool = True) -> np.ndarray:
    """R_traj: (N,) float64, sum_t y_t of each session, without discount."""
    return np.where(counted_steps(log, leaving_step=leaving_step), log.ratings, 0.0).sum(1)


def reward_per_step(log: SessionLog, *, leaving_step: bool = True) -> np.ndarray:
    """R_each: (N,) float64, R_traj / Len of each session; nan where no step counts (the user left at once)."""
    steps = length(log, leaving_step=leaving_step)
    total = trajectory_return(log, leaving_step=leaving_step)
    return np.divide(total, steps, out=np.full(len(log), np.nan), where=steps > 0)


def exposure(log: SessionLog, n_items: int) -> np.ndarray:
    """(n_items,) int64: how often each item of the catalogue was shown, over all sessions."""
    shown = log.items[log.steps]
    if shown.size and shown.max() >= n_items:
        raise UsageError(
            f"every item shown must be of the catalogue (index below {n_items})",
            received=int(shown.max()),
            cause="a log of another catalogue",
        )
    return np.bincount(shown, minlength=n_items)


def catalogue_coverage(log: SessionLog, n_items: int) -> float:
    """|distinct items shown| / |I|, over all sessions together, in [0, 1]. It grows with the number of sessions."""
    return float((exposure(log, n_items) > 0).mean())


def cv_turn(log: SessionLog) -> float:
    """CV_turn = |distinct items shown| / |recommendations made|, in [0, 1] (EasyRL4Rec)."""
    shown = log.items[log.steps]
    return len(np.unique(shown)) / len(shown) if len(shown) else float("nan")


def leading_categories(popularity: np.ndarray, item_vectors: np.ndarray, mass: float = 0.8) -> np.ndarray:
    """(G,) bool: the fewest categories that hold ``mass`` of the training ratings, the largest first.

    A rating counts once for every category of its item (a non-zero entry of its content vector).
    """
    ratings = np.asarray(popularity, np.float64) @ (item_vectors != 0)
    order = np.argsort(-ratings, kind="stable")
    before = np.cumsum(ratings[order]) - ratings[order]
    leading = np.zeros(len(ratings), bool)
    leading[order] = (before < mass * ratings.sum()) & (ratings[order] > 0)
    return leading


def majority_category_domination(log: SessionLog, popularity: np.ndarray, item_vectors: np.ndarray) -> float:
    """MCD: the share of recommendations with a category of :func:`leading_categories`, in [0, 1] (DORL)."""
    leads = (item_vectors[:, leading_categories(popularity, item_vectors)] != 0).any(1)
    return float(leads[log.items[log.steps]].mean())


def gini_of_exposure(log: SessionLog, n_items: int) -> float:
    """Gini coefficient of the exposure counts x over the whole catalogue: sum_ij |x_i - x_j| / (2 n^2 mean(x)).

    0: every item was shown equally often; 1 - 1/n: one item got it all.
    """
    x = np.sort(exposure(log, n_items)).astype(np.float64)
    if x.sum() == 0:
        return float("nan")
    rank = np.arange(1, n_items + 1)
    return float(((2 * rank - n_items - 1) * x).sum() / (n_items * x.sum()))


def intra_session_diversity(log: SessionLog, item_vectors: np.ndarray) -> np.ndarray:
    """(N,) float64: mean over the pairs of steps s < t of 1 - cos(v_s, v_t); nan for sessions of one step.

    Args:
        log: The sessions.
        item_vectors: (n_items, G) content vectors, of any length; a zero vector is similar to nothing.
    """
    norms = np.linalg.norm(item_vectors, axis=1, keepdims=True)
    unit = np.divide(item_vectors, norms, out=np.zeros(item_vectors.shape), where=norms > 0)
    shown = np.where(log.steps[:, :, None], unit[np.maximum(log.items, 0)], 0.0)
    # 2 * sum_{s<t} v_s.v_t = |sum_t v_t|^2 - sum_t |v_t|^2
    similarity = (np.square(shown.sum(1)).sum(1) - np.square(shown).sum((1, 2))) / 2
    pairs = log.lengths * (log.lengths - 1) / 2
    mean = np.divide(similarity, pairs, out=np.full(len(log), np.nan), where=pairs > 0)
    return np.where(np.isnan(mean), np.nan, np.clip(1 - mean, 0.0, 2.0))


def novelty(log: SessionLog, popularity: np.ndarray) -> np.ndarray:
    """(N,) float64: mean over the steps of -log2 p(a_t), p(i) = i's share of all training ratings, in bits.

    An item without a training rating counts as if it had one, so that the value stays finite.

    Args:
        log: The sessions.
        popularity: (n_items,) ratings per item in the training users' logs.
    """
    counts = np.maximum(np.asarray(popularity, np.float64), 1.0)
    bits = -np.log2(counts / counts.sum())
    return np.where(log.steps, bits[np.maximum(log.items, 0)], 0.0).sum(1) / log.lengths


def repeats(log: SessionLog) -> np.ndarray:
    """(N,) int64: the steps that showed an item which the session had shown before."""
    ordered = np.sort(log.items, axis=1)
    again = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    return again.sum(1)


def exit_reason_counts(log: SessionLog) -> dict[str, int]:
    """How many sessions ended for each reason, the most frequent first; ``"horizon"`` for the truncated ones."""
    reasons, counts = np.unique(np.where(log.truncated, "horizon", log.exit_reasons), return_counts=True)
    order = sorted(range(len(reasons)), key=lambda k: (-counts[k], reasons[k]))
    return {str(reasons[k]): int(counts[k]) for k in order}


def ms_per_decision(log: SessionLog) -> float:
    """Milliseconds of wall time per decision; nan where it was not measured."""
    seconds = log.seconds_per_decision
    if isinstance(seconds, np.ndarray):
        measured = seconds[log.steps & np.isfinite(seconds)]
        return float(measured.mean() * 1000) if measured.size else float("nan")
    return seconds * 1000


def survival(log: SessionLog) -> np.ndarray:
    """(T,) float64: the share of sessions that have a step t = 1 .. T."""
    return log.steps.mean(0)


def mean_rating_by_step(log: SessionLog) -> np.ndarray:
    """(T,) float64: mean rating at step t over the sessions that have it; nan where none has."""
    count = log.steps.sum(0)
    total = np.where(log.steps, log.ratings, 0.0).sum(0)
    return np.divide(total, count, out=np.full(log.items.shape[1], np.nan), where=count > 0)
