"""The one form that every data set takes: who rated which item, how, and when."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data import rules
from ilrec_gym.data.feedback import EXPLICIT, fits
from ilrec_gym.data.load_report import LoadReport
from ilrec_gym.files import fingerprint, read_arrays, write_arrays


@dataclass(frozen=True, eq=False)
class Interactions:
    """Logged ratings, sorted by user, then by time; ties stand in the order of the source file.

    What is not dated has timestamp 0. Feedback without ratings has the ends of the scale in their place:
    ``InteractionData.feedback`` says so.

    Attributes:
        user: (N,) int32, index into ``Users.id``.
        item: (N,) int32, index into ``Items.id``.
        rating: (N,) float64, on the data's rating scale.
        timestamp: (N,) int64, seconds since 1970; 0 where the time is not known.

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
        id: (I,) int64, the source's own ids, each once; numbers from 0 where those are strings, see ``labels``.
        title: I strings as people write them, with the year where it is known: "The Matrix (1999)".
        year: (I,) int16, 0 where unknown.
        genres: (I, G) bool.
        genre_names: G strings.
        labels: I strings, the source's own ids where they are no whole numbers; empty where ``id`` is the source's.

    Raises:
        DataError: Lengths or dtypes differ from these, an id comes twice, or a title is empty.
    """

    id: NDArray[np.int64]
    title: tuple[str, ...]
    year: NDArray[np.int16]
    genres: NDArray[np.bool_]
    genre_names: tuple[str, ...]
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rules.freeze(self, id=np.int64, year=np.int16)
        rules.freeze(self, axes=2, genres=np.bool_)
        object.__setattr__(self, "title", tuple(self.title))
        object.__setattr__(self, "genre_names", tuple(self.genre_names))
        rules.same_length(self, "id", "title", "year", "genres")
        rules.not_empty(self.id, "items")
        rules.genres_are_named(self.genres, self.genre_names)
        rules.unique(self.id, "item")
        object.__setattr__(self, "labels", rules.labels(self.labels, len(self.id), "item"))
        rules.titles_are_lines(self.title)

    def __len__(self) -> int:
        return len(self.id)


@dataclass(frozen=True, eq=False)
class Users:
    """The people.

    Attributes:
        id: (U,) int64, the source's own ids, each once; numbers from 0 where those are strings, see ``labels``.
        features: What the source tells of them, by name; each an array of numbers or strings with first axis U.
        labels: U strings, the source's own ids where they are no whole numbers; empty where ``id`` is the source's.

    Raises:
        DataError: Lengths or dtypes differ from these, an id comes twice, or a feature holds objects.
    """

    id: NDArray[np.int64]
    features: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rules.freeze(self, id=np.int64)
        rules.not_empty(self.id, "users")
        rules.unique(self.id, "user")
        object.__setattr__(self, "labels", rules.labels(self.labels, len(self.id), "user"))
        object.__setattr__(self, "features", rules.features(self.features, len(self.id)))

    def __len__(self) -> int:
        return len(self.id)

    @property
    def own_ids(self) -> Sequence[int] | Sequence[str]:
        """The source's own ids, whatever they are."""
        return self.labels or self.id.tolist()


@dataclass(frozen=True, eq=False)
class InteractionData:
    """A whole data set. Everything that is built on data takes this, and its arrays are read-only.

    Attributes:
        name: What it is called, e.g. "ml-1m": letters, digits, dots, dashes and underscores.
        interactions: N ratings.
        items: I items.
        users: U users.
        rating_scale: Lowest and highest rating that a user can give.
        feedback: ``"explicit"``: ratings; ``"thumbs"``: up or down, rated with the ends of the scale; ``"implicit"``:
            that it happened, rated with the upper end.
        report: What became of the rows of the tables it was made from, where it was made from tables.

    Raises:
        DataError: An index points outside, a rating lies off the scale or does not fit the kind of feedback, or a user
            rated an item twice.
    """

    name: str
    interactions: Interactions
    items: Items
    users: Users
    rating_scale: tuple[float, float]
    feedback: str = EXPLICIT
    report: LoadReport | None = None

    def __post_init__(self) -> None:
        rules.file_name(self.name)
        object.__setattr__(self, "rating_scale", rules.scale(self.rating_scale))
        log = self.interactions
        rules.indices_within(log.user, len(self.users), "user")
        rules.indices_within(log.item, len(self.items), "item")
        rules.on_scale(log.rating, self.rating_scale)
        fits(self.feedback, log.rating, self.rating_scale)
        rules.one_rating_per_pair(log.user, log.item, len(self.items))

    def __deepcopy__(self, memo: dict[int, Any]) -> InteractionData:
        """Itself: nothing in it changes, and Gymnasium copies the arguments of every environment."""
        return self

    @classmethod
    def from_frame(
        cls,
        interactions: Any,
        items: Any = None,
        users: Any = None,
        *,
        name: str = "own-data",
        feedback: str | None = None,
        rating_scale: tuple[float, float] | None = None,
        keep: str | None = None,
        user: str = "user_id",
        item: str = "item_id",
        rating: str | None = None,
        timestamp: str | None = None,
        title: str | None = None,
        genres: str | None = None,
        year: str | None = None,
        genre_separator: str = "|",
        features: Sequence[str] | None = None,
    ) -> InteractionData:
        """Your own tables as a data set: pandas or polars frames, or arrow tables.

        What is wrong beyond doubt raises an error that names rule, column and rows. Rows that say nothing are left out,
        counted in :attr:`report`, and logged as a warning: rows without a user, an item or (where there are ratings) a
        rating, and rows whose item is not in ``items``. Row numbers count from 0.

        Ids may be whole numbers or strings. Strings become numbers from 0 in alphabetical order, and are kept as
        ``labels``; the split into train and test users is made by the string, so that it stays when others join.

        Args:
            interactions: One row for each rating, click, purchase ...
            items: One row for each item, with its title, genres, year; without it items are called by their ids.
            users: One row for each user, with what else is known of them.
            name: What the data set is called.
            feedback: ``"explicit"``, ``"thumbs"`` or ``"implicit"``. None: implicit where there is no column of
                ratings, thumbs where it holds True and False, explicit otherwise.
            rating_scale: Lowest and highest rating that a user can give. None: those that are found.
            keep: Which of several rows of one user and item is kept: the ``"first"`` or the ``"last"`` in time. None:
                the last of ratings and thumbs, the first of implicit feedback.
            user: The column of user ids, in ``interactions`` and ``users``.
            item: The column of item ids, in ``interactions`` and ``items``.
            rating: The column of ratings or thumbs. None, here and below: the one that is called so, if there is one.
            timestamp: The column of times: dates, datetimes, ISO 8601 strings, or seconds since 1970. Rows without a
                time are kept, before the dated ones; without the column a user's rows count in the order of the table.
            title: The column of titles.
            genres: The column of genres: lists, or strings with separators.
            year: The column of years: numbers, dates, or text with a year in it. Without it, a title that ends
                with a year in parentheses tells.
            genre_separator: What stands between genres that are strings.
            features: The columns of ``users`` to keep as user features. None: all of them.

        Returns:
            The validated data, with its report.

        Raises:
            DataError: A table or a value breaks a rule.
            UnknownNameError: There is no such column, or no such kind of feedback.
        """
        from ilrec_gym.data.from_frame import Names, read

        names = Names(user, item, rating, timestamp, title, genres, year, genre_separator, features)
        return read(interactions, items, users, names, name, feedback, rating_scale, keep)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the data as one ``.npz`` file, which ``gym.make(..., dataset="file", data_path=path)`` plays.

        Raises:
            StorageError: The file cannot be written.
        """
        from ilrec_gym.data.columns import to_columns

        write_arrays(path, to_columns(self))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> InteractionData:
        """Read what :meth:`save` wrote; the report is not in it. Never unpickles.

        Raises:
            ArtefactError: The file is missing or damaged.
            DataError: It holds something else.
        """
        from ilrec_gym.data.columns import from_columns

        return from_columns(read_arrays(path))

    @property
    def dated(self) -> bool:
        """Whether any row has a time."""
        return bool(self.interactions.timestamp.any())

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of the content, in hexadecimal digits; the name does not count."""
        log, items, users = self.interactions, self.items, self.users
        parts = [log.user, log.item, log.rating, log.timestamp, items.id, items.title, items.year, items.genres]
        parts += [items.genre_names, users.id, self.rating_scale]
        for name, values in sorted(users.features.items()):
            parts += [name, values]
        if self.feedback != EXPLICIT or items.labels or users.labels:  # so that older checksums stay what they were
            parts += [self.feedback, items.labels, users.labels]
        return fingerprint(*parts)

    def __repr__(self) -> str:
        rows, low, high = len(self.interactions), *self.rating_scale
        what = f"{rows:,} ratings" if self.feedback == EXPLICIT else f"{rows:,} interactions ({self.feedback})"
        counts = f"{what}, {len(self.users):,} users, {len(self.items):,} items"
        return f"InteractionData({self.name!r}: {counts}, scale {low:g} to {high:g})"
