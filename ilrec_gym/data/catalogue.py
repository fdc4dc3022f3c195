"""The catalogue: the items that are rated often enough to simulate."""

from __future__ import annotations

from itertools import compress

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data.schema import InteractionData, Interactions, Items, Users
from ilrec_gym.errors import UsageError


def catalogue_of(data: InteractionData, *, min_ratings: int = 5, catalogue_size: int | None = None) -> InteractionData:
    """The part of the data that belongs to the catalogue.

    Args:
        data: The whole data set.
        min_ratings: Keep items with at least this many ratings.
        catalogue_size: Keep the most rated items, this many, in place of ``min_ratings``; of equally often rated
            ones the first in the data.

    Returns:
        The kept items in their order, the ratings of those items, and the users who still have one; re-indexed.

    Raises:
        UsageError: The numbers are not such, or no item, or not that many rated items, would be kept.
    """
    counts = np.bincount(data.interactions.item, minlength=len(data.items))
    items = _frequent(counts, min_ratings) if catalogue_size is None else _most_rated(counts, catalogue_size)
    rows = items[data.interactions.item]
    users = np.zeros(len(data.users), dtype=bool)
    users[data.interactions.user[rows]] = True
    return _restricted(data, rows, items, users)


def _frequent(counts: NDArray[np.int64], min_ratings: int) -> NDArray[np.bool_]:
    if not isinstance(min_ratings, (int, np.integer)) or isinstance(min_ratings, bool) or min_ratings < 0:
        raise UsageError("min_ratings must be a whole number, 0 or more", received=min_ratings, fix="try min_ratings=5")
    kept: NDArray[np.bool_] = counts >= min_ratings
    if not kept.any():
        raise UsageError(
            f"min_ratings must be at most {counts.max()}, which is how often the most rated item was rated",
            received=min_ratings,
            cause="a threshold that is meant for a larger data set",
            fix="lower min_ratings, or give catalogue_size",
        )
    return kept


def _most_rated(counts: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
    rated = int(np.count_nonzero(counts))
    whole = isinstance(size, (int, np.integer)) and not isinstance(size, bool)
    if not whole or not 1 <= size <= rated:
        raise UsageError(
            f"catalogue_size must be a whole number in 1..{rated}, the number of items with a rating",
            received=size,
            cause="a size that is meant for a larger data set" if whole and size > rated else "",
            fix="give a smaller catalogue_size, or None to choose by min_ratings",
        )
    kept = np.zeros(len(counts), dtype=bool)
    kept[np.argsort(-counts, kind="stable")[:size]] = True
    return kept


def _restricted(
    data: InteractionData, rows: NDArray[np.bool_], items: NDArray[np.bool_], users: NDArray[np.bool_]
) -> InteractionData:
    log = data.interactions
    new_item = np.cumsum(items, dtype=np.int32) - np.int32(1)
    new_user = np.cumsum(users, dtype=np.int32) - np.int32(1)
    return InteractionData(
        name=data.name,
        interactions=Interactions(
            user=new_user[log.user[rows]],
            item=new_item[log.item[rows]],
            rating=log.rating[rows],
            timestamp=log.timestamp[rows],
        ),
        items=Items(
            id=data.items.id[items],
            title=_some(data.items.title, items),
            year=data.items.year[items],
            genres=data.items.genres[items],
            genre_names=data.items.genre_names,
            labels=_some(data.items.labels, items),
        ),
        users=Users(
            id=data.users.id[users],
            features={name: values[users] for name, values in data.users.features.items()},
            labels=_some(data.users.labels, users),
        ),
        rating_scale=data.rating_scale,
        feedback=data.feedback,
        report=data.report,
    )


def _some(strings: tuple[str, ...], kept: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(compress(strings, kept))
