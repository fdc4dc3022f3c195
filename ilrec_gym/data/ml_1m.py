"""MovieLens 1M: 1,000,209 ratings of 3,706 of 3,883 movies by 6,040 users."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ilrec_gym.data.assemble import assemble, items_of
from ilrec_gym.data.registry import DatasetSource
from ilrec_gym.data.schema import InteractionData, Items, Users
from ilrec_gym.data.tables import ratings, records, whole_number, wrong_line

GENRES = (
    *("Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy"),
    *("Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
# The codes 0..20 of users.dat, in words.
OCCUPATIONS = (
    *("other", "academic/educator", "artist", "clerical/admin", "college/grad student", "customer service"),
    *("doctor/health care", "executive/managerial", "farmer", "homemaker", "K-12 student", "lawyer", "programmer"),
    *("retired", "sales/marketing", "scientist", "self-employed", "technician/engineer", "tradesman/craftsman"),
    *("unemployed", "writer"),
)


def parse(files: Mapping[str, bytes]) -> InteractionData:
    """The data out of the archive's files.

    Raises:
        DataError: A file is not as GroupLens describes it.
    """
    return assemble(
        "ml-1m",
        ratings(files["ratings.dat"], "ratings.dat", b"::"),
        _movies(files["movies.dat"]),
        _users(files["users.dat"]),
        (1.0, 5.0),
        files=("ratings.dat", "movies.dat", "users.dat"),
    )


def _movies(content: bytes) -> Items:
    ids, titles, genres = [], [], []
    for number, (movie, title, names) in records(content, "movies.dat", "::", 3, encoding="latin-1"):
        ids.append(whole_number(movie, "movies.dat", number, "MovieID"))
        titles.append(title)
        genres.append(names.split("|"))
        if not set(genres[-1]) <= set(GENRES):
            wrong_line("movies.dat", number, f"a movie with genres out of {', '.join(GENRES)}", names)
    return items_of(ids, titles, genres, GENRES)


def _users(content: bytes) -> Users:
    ids, gender, age, occupation, zip_code = [], [], [], [], []
    for number, fields in records(content, "users.dat", "::", 5, encoding="latin-1"):
        ids.append(whole_number(fields[0], "users.dat", number, "UserID"))
        gender.append(fields[1])
        age.append(whole_number(fields[2], "users.dat", number, "age"))
        code = whole_number(fields[3], "users.dat", number, "occupation")
        if not 0 <= code < len(OCCUPATIONS):
            wrong_line("users.dat", number, f"a user with an occupation in 0..{len(OCCUPATIONS) - 1}", code)
        occupation.append(OCCUPATIONS[code])
        zip_code.append(fields[4])
    features = {
        "gender": np.array(gender),
        "age": np.array(age, dtype=np.int16),  # the lower end of the age group: 1, 18, 25, 35, 45, 50, 56
        "occupation": np.array(occupation),
        "zip": np.array(zip_code),
    }
    return Users(id=np.array(ids, dtype=np.int64), features=features)


SOURCE = DatasetSource(
    name="ml-1m",
    summary="1,000,209 ratings of 3,883 movies by 6,040 users, 2000 to 2003",
    files=("ratings.dat", "movies.dat", "users.dat"),
    parse=parse,
    url="https://files.grouplens.org/datasets/movielens/ml-1m.zip",
    known_hash="sha256:a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
)
