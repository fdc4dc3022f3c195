"""Parsed tables put together: ids become indices, rows get their order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data.schema import InteractionData, Interactions, Items, Users
from ilrec_gym.data.tables import check_ratings, positions
from ilrec_gym.data.titles import readable_title


def items_of(
    ids: Sequence[int], raw_titles: Sequence[str], genres: Sequence[Iterable[str]], genre_names: Sequence[str]
) -> Items:
    """The items table from what a file of movies says; titles are rewritten as people write them.

    Args:
        ids: I ids.
        raw_titles: I titles as the source has them.
        genres: For each item its genres, all from ``genre_names``.
        genre_names: The columns of the genre table.
    """
    titles, years = zip(*map(readable_title, raw_titles), strict=True)
    column = {name: place for place, name in enumerate(genre_names)}
    table = np.zeros((len(ids), len(genre_names)), dtype=bool)
    for row, names in enumerate(genres):
        table[row, [column[name] for name in names]] = True
    return Items(
        id=np.array(ids, dtype=np.int64),
        title=titles,
        year=np.array(years, dtype=np.int16),
        genres=table,
        genre_names=tuple(genre_names),
    )


def assemble(
    name: str,
    rows: NDArray[np.void],
    items: Items,
    users: Users,
    scale: tuple[float, float],
    *,
    files: tuple[str, str, str],
    header: bool = False,
) -> InteractionData:
    """Put the tables together, and check that they fit.

    Args:
        name: The data set's name.
        rows: (N,) records as :func:`ilrec_gym.data.tables.ratings` gives them.
        items: The items table.
        users: The users table.
        scale: Lowest and highest rating.
        files: Where ratings, items and users come from, for messages.
        header: Whether the file of ratings has a header.

    Raises:
        DataError: A rating is off the scale or names an unknown movie or user; file and line are named.
    """
    ratings_file, items_file, users_file = files
    check_ratings(rows, ratings_file, scale, header=header)
    item = positions(rows["item"], items.id, ratings_file, "movie", items_file, header=header)
    user = positions(rows["user"], users.id, ratings_file, "user", users_file, header=header)
    order = np.lexsort((rows["timestamp"], user))  # stable: ties stay in the order of the file
    log = Interactions(
        user=user[order],
        item=item[order],
        rating=np.ascontiguousarray(rows["rating"][order]),
        timestamp=np.ascontiguousarray(rows["timestamp"][order]),
    )
    return InteractionData(name=name, interactions=log, items=items, users=users, rating_scale=scale)
