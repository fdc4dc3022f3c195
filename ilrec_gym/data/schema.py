"""The one form that every data set takes: who rated which item, how, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data import rules
from ilrec_gym.files import fingerprint


@dataclass(frozen=True, eq=False)
class Interactions:
    """Logged ratings, sorted by user, then by time; ties stand in the order of the source file.

    Attributes:
        user: (N,) int32, index into ``Users.id``.
        item: (N,) int32, index into ``Items.id``.
        rating: (N,) float64, on the data's rating scale.
        timestamp: (N,) int64, seconds since 1970.

    Raises:
        DataError: Lengths or dtypes differ from these, a rating is not finite, or the order is another.
    """

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    rating: NDArray[np.float64]
    timestamp: NDArray[np.int64]

    def __post_init__(self) -> None:
        rules.freeze(self, user=np.int32, item=np.int32, rating=np.float64, timestamp=np.int64)
        rules.same_length(self, "user", "item", "rating", "timestamp")
        rules.not_empty(self.user, "ratings")
        rules.finite(self.rating)
        rules.sorted_by_user_and_time(self.user, self.timestamp)

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True, eq=False)
class Items:
    """The catalogue's items.

    Attributes:
        id: (I,) int64, the source's own ids, each once.
        title: I strings as people write them, with the year where it is known: "The Matrix (1999)".
        year: (I,) int16, 0 where unknown.
        genres: (I, G) bool.
        genre_names: G strings.

    Raises:
        DataError: Lengths or dtypes differ from these, an id comes twice, or a title is empty.
    """

    id: NDArray[np.int64]
    title: tuple[str, ...]
    year: NDArray[np.int16]
    genres: NDArray[np.bool_]
    genre_names: tuple[str, ...]

    def __post_init__(self) -> None:
        rules.freeze(self, id=np.int64, year=np.int16)
        rules.freeze(self, axes=2, genres=np.bool_)
        object.__setattr__(self, "title", tuple(self.title))
        object.__setattr__(self, "genre_names", tuple(self.genre_names))
        rules.same_length(self, "id", "title", "year", "genres")
        rules.not_empty(self.id, "items")
        rules.genres_are_named(self.genres, self.genre_names)
        rules.unique(self.id, "item")
        rules.titles_are_lines(self.title)

    def __len__(self) -> int:
        return len(self.id)


@dataclass(frozen=True, eq=False)
class Users:
    """The people.

    Attributes:
        id: (U,) int64, the source's own ids, each once.
        features: What the source tells of them, by name; each an array of numbers or strings with first axis U.

    Raises:
        DataError: Lengths or dtypes differ from these, an id comes twice, or a feature holds objects.
    """

    id: NDArray[np.int64]
    features: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rules.freeze(self, id=np.int64)
        rules.not_empty(self.id, "users")
        rules.unique(self.id, "user")
        object.__setattr__(self, "features", rules.features(self.features, len(self.id)))

    def __len__(self) -> int:
        return len(self.id)


@dataclass(frozen=True, eq=False)
class InteractionData:
    """A whole data set. Everything that is built on data takes this, and its arrays are read-only.

    Attributes:
        name: What it is called, e.g. "ml-1m".
        interactions: N ratings.
        items: I items.
        users: U users.
        rating_scale: Lowest and highest rating that a user can give.

    Raises:
        DataError: An index points outside, a rating lies off the scale, or a user rated an item twice.
    """

    name: str
    interactions: Interactions
    items: Items
    users: Users
    rating_scale: tuple[float, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "rating_scale", rules.scale(self.rating_scale))
        log = self.interactions
        rules.indices_within(log.user, len(self.users), "user")
        rules.indices_within(log.item, len(self.items), "item")
        rules.on_scale(log.rating, self.rating_scale)
        rules.one_rating_per_pair(log.user, log.item, len(self.items))

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of the content, in hexadecimal digits; the name does not count."""
        log, items, users = self.interactions, self.items, self.users
        parts = [log.user, log.item, log.rating, log.timestamp, items.id, items.title, items.year, items.genres]
        parts += [items.genre_names, users.id, self.rating_scale]
        for name, values in sorted(users.features.items()):
            parts += [name, values]
        return fingerprint(*parts)

    def __repr__(self) -> str:
        counts = f"{len(self.interactions):,} ratings, {len(self.users):,} users, {len(self.items):,} items"
        return f"InteractionData({self.name!r}: {counts}, scale {self.rating_scale[0]:g} to {self.rating_scale[1]:g})"
