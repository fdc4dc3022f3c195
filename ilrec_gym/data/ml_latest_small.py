"""MovieLens latest-small (2018-09): 100,836 ratings of 9,742 movies by 610 users; the set that is bundled."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

import numpy as np

from ilrec_gym.data.assemble import assemble, items_of
from ilrec_gym.data.registry import DatasetSource
from ilrec_gym.data.schema import InteractionData, Items, Users
from ilrec_gym.data.tables import check_header, decoded, ratings, whole_number, wrong_line

_NO_GENRES = "(no genres listed)"


def parse(files: Mapping[str, bytes]) -> InteractionData:
    """The data out of the archive's files.

    Raises:
        DataError: A file is not as GroupLens describes it.
    """
    rows = ratings(files["ratings.csv"], "ratings.csv", b",", header="userId,movieId,rating,timestamp")
    return assemble(
        "ml-latest-small",
        rows,
        _movies(files["movies.csv"]),
        Users(id=np.unique(rows["user"])),
        (0.5, 5.0),
        files=("ratings.csv", "movies.csv", "ratings.csv"),
        header=True,
    )


def _movies(content: bytes) -> Items:
    text = decoded(content, "movies.csv", "utf-8")
    check_header(text.partition("\n")[0], "movies.csv", "movieId,title,genres")
    reader = csv.reader(io.StringIO(text, newline=""))
    next(reader)
    ids, titles, genres = [], [], []
    for fields in reader:
        if len(fields) != 3:
            wrong_line("movies.csv", reader.line_num, "movieId, title, genres, separated by ','", ",".join(fields))
        ids.append(whole_number(fields[0], "movies.csv", reader.line_num, "movieId"))
        titles.append(fields[1])
        genres.append([] if fields[2] == _NO_GENRES else fields[2].split("|"))
    if not ids:
        wrong_line("movies.csv", 2, "a movie", "the end of the file")
    return items_of(ids, titles, genres, sorted({name for names in genres for name in names}))


SOURCE = DatasetSource(
    name="ml-latest-small",
    summary="100,836 ratings of 9,742 movies by 610 users, 1996 to 2018; bundled",
    files=("ratings.csv", "movies.csv"),
    parse=parse,
    url="https://files.grouplens.org/datasets/movielens/ml-latest-small.zip",
    known_hash="md5:31a303aabbc519bd33d025e44d6c2570",
    bundled="ml-latest-small.npz",
)
