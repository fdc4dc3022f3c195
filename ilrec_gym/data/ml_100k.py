"""MovieLens 100K: 100,000 ratings of 1,682 movies by 943 users."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ilrec_gym.data.assemble import assemble, items_of
from ilrec_gym.data.registry import DatasetSource
from ilrec_gym.data.schema import InteractionData, Items, Users
from ilrec_gym.data.tables import ratings, records, whole_number, wrong_line

# The last columns of u.item. The one before them, "unknown", says that a movie has none of these.
GENRES = (
    *("Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy"),
    *("Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
_COLUMNS = 6 + len(GENRES)


def parse(files: Mapping[str, bytes]) -> InteractionData:
    """The data out of the archive's files.

    Raises:
        DataError: A file is not as GroupLens describes it.
    """
    return assemble(
        "ml-100k",
        ratings(files["u.data"], "u.data", b"\t"),
        _movies(files["u.item"]),
        _users(files["u.user"]),
        (1.0, 5.0),
        files=("u.data", "u.item", "u.user"),
    )


def _movies(content: bytes) -> Items:
    ids, titles, genres = [], [], []
    for number, fields in records(content, "u.item", "|", _COLUMNS, encoding="latin-1"):
        ids.append(whole_number(fields[0], "u.item", number, "movie id"))
        titles.append(fields[1])
        flags = fields[-len(GENRES) :]
        if not set(flags) <= {"0", "1"}:
            wrong_line("u.item", number, "a movie with genre columns of 0 or 1", "|".join(flags))
        genres.append([name for name, flag in zip(GENRES, flags, strict=True) if flag == "1"])
    return items_of(ids, titles, genres, GENRES)


def _users(content: bytes) -> Users:
    ids, gender, age, occupation, zip_code = [], [], [], [], []
    for number, fields in records(content, "u.user", "|", 5, encoding="latin-1"):
        ids.append(whole_number(fields[0], "u.user", number, "user id"))
        age.append(whole_number(fields[1], "u.user", number, "age"))
        gender.append(fields[2])
        occupation.append(fields[3])
        zip_code.append(fields[4])
    features = {
        "gender": np.array(gender),
        "age": np.array(age, dtype=np.int16),  # in years
        "occupation": np.array(occupation),
        "zip": np.array(zip_code),
    }
    return Users(id=np.array(ids, dtype=np.int64), features=features)


SOURCE = DatasetSource(
    name="ml-100k",
    summary="100,000 ratings of 1,682 movies by 943 users, 1997 to 1998",
    files=("u.data", "u.item", "u.user"),
    parse=parse,
    url="https://files.grouplens.org/datasets/movielens/ml-100k.zip",
    known_hash="md5:0e33842e24a9c977be4e0107933c0723",
)
