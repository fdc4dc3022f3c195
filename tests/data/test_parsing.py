from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ilrec_gym.data import InteractionData, load_dataset
from ilrec_gym.errors import DataError

Says = Callable[..., None]


def test_ml_1m(archives: Any) -> None:
    data = load_dataset("ml-1m", archives.zip("ml-1m"))
    assert data.name == "ml-1m" and data.rating_scale == (1, 5)
    assert data.items.title == ("The Matrix (1999)", "Les Misérables (1995)", "Heat (1995)")
    assert data.items.id.tolist() == [10, 20, 30] and data.items.year.tolist() == [1999, 1995, 1995]
    assert [data.items.genre_names[g] for g in np.flatnonzero(data.items.genres[0])] == ["Action", "Sci-Fi"]
    # by user, then time; the two at time 100 stay in the order of the file
    assert data.interactions.user.tolist() == [0, 0, 0, 1]
    assert data.interactions.item.tolist() == [2, 1, 0, 0]
    assert data.interactions.rating.tolist() == [1, 3, 5, 4]
    assert data.interactions.timestamp.tolist() == [90, 100, 100, 50]
    features = {name: values.tolist() for name, values in data.users.features.items()}
    assert features == {
        "gender": ["F", "M"],
        "age": [1, 56],
        "occupation": ["K-12 student", "self-employed"],
        "zip": ["48067", "70072-1234"],
    }


def test_ml_100k(archives: Any) -> None:
    data = load_dataset("ml-100k", archives.zip("ml-100k"))
    assert data.rating_scale == (1, 5) and data.users.id.tolist() == [22, 196]
    assert data.items.title == ("The Piano (1993)", "unknown", "Café au lait (1993)")
    assert data.items.year.tolist() == [1993, 0, 1993]
    assert data.items.genre_names[0] == "Action" and data.items.genre_names[-1] == "Western"
    assert data.items.genres.sum(axis=1).tolist() == [1, 0, 1] and data.items.genres[2, -1]
    assert data.interactions.item.tolist() == [1, 1, 0] and data.interactions.rating.tolist() == [5, 4, 3]
    assert data.users.features["age"].tolist() == [25, 49] and data.users.features["zip"].tolist() == ["40206", "T8H1N"]


def test_ml_latest_small(archives: Any) -> None:
    data = load_dataset("ml-latest-small", archives.zip("ml-latest-small"))
    assert data.rating_scale == (0.5, 5) and data.users.id.tolist() == [1, 7] and not data.users.features
    assert data.items.title[1:] == ("The City of Lost Children (La Cité des enfants perdus) (1995)", "Paterson")
    assert data.items.genre_names == ("Adventure", "Animation", "Drama")
    assert data.items.genres.sum(axis=1).tolist() == [2, 1, 0]
    assert data.interactions.item.tolist() == [1, 0, 0] and data.interactions.rating.tolist() == [0.5, 4, 5]


@pytest.mark.parametrize("name", ["ml-1m", "ml-100k", "ml-latest-small"])
@pytest.mark.parametrize("inside", ["", "a/b/c"])
def test_zip_and_folder_at_any_depth_say_the_same(archives: Any, name: str, inside: str) -> None:
    expected = load_dataset(name, archives.zip(name, to=archives.folder / "flat.zip")).checksum
    assert load_dataset(name, archives.zip(name, inside=inside)).checksum == expected
    assert load_dataset(name, archives.unpacked(name, inside=inside)).checksum == expected


@pytest.mark.parametrize("name", ["ml-1m", "ml-100k", "ml-latest-small"])
def test_windows_line_ends_and_a_missing_last_one_make_no_difference(archives: Any, name: str) -> None:
    expected = load_dataset(name, archives.zip(name)).checksum
    folder = archives.unpacked(name)
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes().rstrip(b"\n").replace(b"\n", b"\r\n"))
    assert load_dataset(name, folder).checksum == expected


def test_files_beside_a_macos_folder_are_found(archives: Any) -> None:
    folder = archives.unpacked("ml-1m", inside="x/__MACOSX")
    with pytest.raises(DataError, match="together in one folder"):
        load_dataset("ml-1m", folder)
    archives.unpacked("ml-1m", inside="x/y/ml-1m")
    assert len(load_dataset("ml-1m", folder).items) == 3


WRONG = [
    ("ml-1m", "ratings_dat", b"1::10::5::100\n1::20::3\n", ["ratings.dat, line 2", "'1::20::3'", "movie id"]),
    ("ml-1m", "ratings_dat", b"1::10::5::100\n1:20:3:7\n", ["ratings.dat, line 2"]),
    ("ml-1m", "ratings_dat", b"1::10::5::100\n\n1::20::3::7\n", ["ratings.dat, line 2", "''"]),
    ("ml-1m", "ratings_dat", b"1::10::five::100\n", ["ratings.dat, line 1", "five"]),
    ("ml-1m", "ratings_dat", b"1::10::5::1.5\n", ["ratings.dat, line 1", "1.5"]),
    ("ml-1m", "ratings_dat", b"1,10,5,100\n", ["ratings.dat, line 1"]),
    ("ml-1m", "ratings_dat", b"1::10::5::99999999999999999999\n", ["ratings.dat"]),
    ("ml-1m", "ratings_dat", b"\n", ["ratings.dat", "no rows"]),
    ("ml-1m", "ratings_dat", b"\x00\xff\xfe", ["ratings.dat, line 1"]),
    ("ml-1m", "ratings_dat", b"1::10::5::100\n1::20::6::1\n2::10::0::1\n", ["1 to 5", "line 2", "6 (and 1 more)"]),
    ("ml-1m", "ratings_dat", b"1::10::nan::100\n", ["1 to 5", "line 1", "nan"]),
    ("ml-1m", "ratings_dat", b"1::10::5::100\n1::11::5::1\n", ["movie of movies.dat", "line 2", "movie 11"]),
    ("ml-1m", "ratings_dat", b"1::10::5::100\n3::10::5::1\n", ["user of users.dat", "line 2", "user 3"]),
    ("ml-1m", "ratings_dat", b"1::10::5::1\n1::10::4::2\n", ["once", "row 0: 0, 0"]),
    ("ml-1m", "movies_dat", b"10::A (1999)::Action\n10::B (1999)::Action\n", ["item id must come once"]),
    ("ml-1m", "movies_dat", b"10::A (1999)\n", ["movies.dat, line 1", "3 fields"]),
    ("ml-1m", "movies_dat", b"ten::A (1999)::Action\n", ["movies.dat, line 1", "MovieID", "ten"]),
    ("ml-1m", "movies_dat", b"10::A (1999)::Akshun\n", ["movies.dat, line 1", "Akshun"]),
    ("ml-1m", "movies_dat", b"", ["movies.dat, line 1"]),
    ("ml-1m", "users_dat", b"1::F::1::21::48067\n", ["users.dat, line 1", "0..20", "21"]),
    ("ml-1m", "users_dat", b"1::F::young::1::48067\n", ["users.dat, line 1", "age"]),
    ("ml-100k", "u_data", b"196\t1\t3\n", ["u.data, line 1"]),
    ("ml-100k", "u_data", b"196 1 3 7\n", ["u.data, line 1"]),
    ("ml-100k", "u_item", b"1|The Piano (1993)|0\n", ["u.item, line 1", "24 fields"]),
    ("ml-100k", "u_item", b"1|A (1993)|||" + b"|2" * 19 + b"\n", ["u.item, line 1"]),
    ("ml-100k", "u_user", b"22|25|M|writer\n", ["u.user, line 1", "5 fields"]),
    ("ml-latest-small", "ratings_csv", b"1,1,4.0,964982703\n", ["ratings.csv, line 1", "header"]),
    ("ml-latest-small", "ratings_csv", b"userId,movieId,rating,timestamp\n", ["ratings.csv", "no rows"]),
    ("ml-latest-small", "ratings_csv", b"userId,movieId,rating,timestamp\n1,1,4.0,5\n1,3,x,5\n", ["line 3", "x"]),
    ("ml-latest-small", "ratings_csv", b"userId,movieId,rating,timestamp\n1,1,5.5,5\n", ["0.5 to 5", "line 2", "5.5"]),
    ("ml-latest-small", "ratings_csv", b"userId,movieId,rating,timestamp\n1,2,5,5\n", ["movies.csv", "line 2"]),
    ("ml-latest-small", "movies_csv", b"movieId;title;genres\n", ["movies.csv, line 1", "header"]),
    ("ml-latest-small", "movies_csv", b"movieId,title,genres\n1,Toy Story (1995)\n", ["movies.csv, line 2"]),
    ("ml-latest-small", "movies_csv", b"movieId,title,genres\n1,,Drama\n3,B,Drama\n", ["title", "row 0: ''"]),
    ("ml-latest-small", "movies_csv", b"movieId,title,genres\n1,Am\xe9lie,Drama\n", ["movies.csv, line 2", "utf-8"]),
    ("ml-latest-small", "movies_csv", b"movieId,title,genres\n", ["movies.csv", "a movie"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "file", "content", "words"), WRONG)
def test_what_is_wrong_in_a_file_is_named_and_nothing_is_kept(
    archives: Any, says: Says, empty_cache: Path, name: str, file: str, content: bytes, words: list[str]
) -> None:
    with pytest.raises(DataError) as caught:
        load_dataset(name, archives.zip(name, **{file: content}))
    says(caught.value, *words)
    assert not empty_cache.exists()


def test_a_wrong_line_deep_in_a_large_file_has_its_number(archives: Any, says: Says) -> None:
    lines = [b"%d::10::5::100" % user for user in range(1, 2001)]
    lines[1233] = b"1234::10::5"
    with pytest.raises(DataError) as caught:
        load_dataset("ml-1m", archives.zip("ml-1m", ratings_dat=b"\n".join(lines)))
    says(caught.value, "ratings.dat, line 1234", "'1234::10::5'")


@pytest.mark.ml1m
def test_ml_1m_as_it_is(ml_1m: InteractionData) -> None:
    log = ml_1m.interactions
    assert (len(log), len(ml_1m.users), len(ml_1m.items)) == (1_000_209, 6040, 3883)
    assert np.count_nonzero(np.bincount(log.item)) == 3706
    assert log.rating.mean() == pytest.approx(3.581564, abs=1e-6)
    assert "The Matrix (1999)" in ml_1m.items.title and ml_1m.items.year.min() == 1919
    assert set(np.unique(ml_1m.users.features["age"])) == {1, 18, 25, 35, 45, 50, 56}
    assert np.bincount(log.user).min() == 20


@pytest.mark.ml1m
def test_ml_1m_is_parsed_in_seconds_and_loaded_again_in_less_than_one(ml_data_dir: Path) -> None:
    times = []
    for _ in range(2):
        started = time.perf_counter()
        load_dataset("ml-1m", ml_data_dir / "ml-1m.zip")
        times.append(time.perf_counter() - started)
    assert times[0] < 10 and times[1] < 1  # measured: 1.0 s and 0.08 s


@pytest.mark.ml1m
def test_ml_100k_as_it_is(ml_data_dir: Path) -> None:
    data = load_dataset("ml-100k", ml_data_dir)
    assert (len(data.interactions), len(data.users), len(data.items)) == (100_000, 943, 1682)
    assert data.interactions.rating.mean() == pytest.approx(3.52986)
    assert data.items.genres.any(axis=1).sum() == 1680  # the two "unknown" ones have none
