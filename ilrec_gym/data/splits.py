"""Train and test users, and what is known of a user when a session starts."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data.schema import InteractionData
from ilrec_gym.errors import UsageError

_ONE_IN = 5  # a fifth of the users, 20%, are test users


def split_of(user_ids: Iterable[int] | Iterable[str] | NDArray[np.integer]) -> NDArray[np.bool_]:
    """Which users are test users: a fixed hash of the id decides, whatever other users there are.

    Args:
        user_ids: U ids as the source has them (not indices): ``data.users.own_ids``.

    Returns:
        (U,) bool, True for a test user; about 20% of them.
    """
    return np.array([_is_test(str(user_id)) for user_id in user_ids], dtype=bool)


def _is_test(user_id: str) -> bool:
    digest = blake2b(f"ilrec-split-v0:{user_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") * _ONE_IN < 2**64


def profiles_of(data: InteractionData, length: int = 20) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """The first logged ratings of every user, in the order of time; ties in the order of the source file.

    So without times it is the user's first rows in the source file.

    Args:
        data: The data, of the catalogue usually.
        length: How many ratings a profile holds at most.

    Returns:
        Item indices (U, length) int32, padded with -1, and ratings (U, length) float64, padded with NaN.

    Raises:
        UsageError: ``length`` is not a whole number, 1 or more.
    """
    if not isinstance(length, (int, np.integer)) or isinstance(length, bool) or length < 1:
        raise UsageError("the length of a profile must be a whole number, 1 or more", received=length, fix="try 20")
    log = data.interactions
    first = np.searchsorted(log.user, np.arange(len(data.users)))
    place = np.arange(len(log)) - first[log.user]
    kept = place < length
    items = np.full((len(data.users), length), -1, dtype=np.int32)
    ratings = np.full((len(data.users), length), np.nan)
    items[log.user[kept], place[kept]] = log.item[kept]
    ratings[log.user[kept], place[kept]] = log.rating[kept]
    return items, ratings
