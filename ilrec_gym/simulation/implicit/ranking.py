"""How well scores rank what was held out: the measure of a fit where there are no ratings to predict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.simulation.implicit.factorization import Array, Choices, Index

Scores = Callable[[Index], Array]
"""Users ``(B,)`` -> scores ``(B, I)``."""

TOP = 20
_CHUNK = 256
_USERS = 5_000  # more say little more, and take long


@dataclass(frozen=True)
class Ranking:
    """Means over users, of the places of held-out choices among all items that the rest of the log does not have.

    Attributes:
        recall: Share of a user's held-out choices among the first 20; of 20 of them, where there are more.
        ndcg: Normalised discounted cumulative gain of the first 20.
        auc: Share of the other items that a held-out choice stands before.
        ndcg_error: Standard error of ``ndcg``.
    """

    recall: float
    ndcg: float
    auc: float
    ndcg_error: float


def held_out(choices: Choices, fraction: float = 0.1, seed: int = 0) -> NDArray[np.bool_]:
    """``(N,)`` bool: a random ``fraction`` of what was liked; every user keeps at least one choice that they liked."""
    draws = np.where(choices.liked, np.random.default_rng(seed).random(len(choices.user)), 1.0)
    # The highest draw of each user stays, whatever it is.
    order = np.lexsort((draws, np.where(choices.liked, choices.user, -1)))
    users = np.where(choices.liked, choices.user, -1)[order]
    last = order[np.append(users[1:] != users[:-1], True)]
    held = draws < fraction
    held[last] = False
    return held


def ranking(scores: Scores, rest: Choices, held: Choices, seed: int = 0) -> Ranking:
    """Rank the held-out choices of every user (of 5,000 users, where there are more), by these scores.

    Args:
        scores: Of every item for some users.
        rest: What the scores were fitted to; those items are not ranked.
        held: What was held out, at least one choice.
        seed: Which users are taken where there are too many.
    """
    users = np.unique(held.user)
    if len(users) > _USERS:
        users = np.sort(np.random.default_rng(seed).choice(users, _USERS, replace=False))
    seen, wanted = _by_user(rest, users), _by_user(held, users)
    results = []
    for start in range(0, len(users), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        for row, known, items in zip(scores(users[chunk]), seen[chunk], wanted[chunk], strict=True):
            results.append(_one(np.delete(row, known), row[items]))
    recall, ndcg, auc = np.array(results).T
    return Ranking(
        float(recall.mean()), float(ndcg.mean()), float(auc.mean()), float(ndcg.std() / np.sqrt(len(results)))
    )


def _one(candidates: Array, wanted: Array) -> tuple[float, float, float]:
    """Recall, NDCG and AUC of one user; equal scores count as half before, half behind."""
    before = (candidates > wanted[:, None]).sum(axis=1)
    place = before + ((candidates == wanted[:, None]).sum(axis=1) - 1) / 2
    possible = min(len(wanted), TOP)
    top = place < TOP
    ideal = (1 / np.log2(2 + np.arange(possible))).sum()
    return (
        top.sum() / possible,
        (1 / np.log2(2 + place[top])).sum() / ideal,
        float(1 - (place / max(len(candidates) - 1, 1)).mean()),
    )


def _by_user(choices: Choices, users: Index) -> list[Index]:
    order = np.argsort(choices.user, kind="stable")
    starts, ends = (np.searchsorted(choices.user[order], users, side) for side in ("left", "right"))
    return [choices.item[order[a:b]] for a, b in zip(starts, ends, strict=True)]
