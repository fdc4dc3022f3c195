"""Tables of pandas, polars and arrow as data: the same from each; what is wrong is named, what is dropped is told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilrec_gym.data import InteractionData, split_of
from ilrec_gym.errors import DataError, ILRecError, UnknownNameError, UsageError

Columns = dict[str, list[Any]]
Says = Callable[..., None]
LIBRARIES: dict[str, Callable[[Columns], Any]] = {
    "pandas": pd.DataFrame,
    "pandas objects": lambda columns: pd.DataFrame({name: pd.Series(v, dtype=object) for name, v in columns.items()}),
    "polars": lambda columns: pl.DataFrame(columns, strict=False),
    "arrow": pa.table,
}
LOG: Columns = {
    "user_id": [7, 7, 5, 5, 9],
    "item_id": [30, 10, 10, 20, 20],
    "rating": [4.0, 2.5, 5.0, 1.0, 3.0],
    "timestamp": [200, 100, 50, 50, 10],
}
ITEMS: Columns = {
    "item_id": [20, 10, 30],
    "title": ["Heat (1995)", " A  quiet\nfilm ", None],
    "genres": ["Crime|Drama", "", "Drama|Drama| "],
}
USERS: Columns = {"user_id": [5, 7], "age": [31, None], "city": ["Bonn", "Oslo"]}


@pytest.fixture(params=list(LIBRARIES))
def table(request: pytest.FixtureRequest) -> Callable[[Columns], Any]:
    return LIBRARIES[request.param]


def rows_of(data: InteractionData) -> list[tuple[Any, ...]]:
    log = data.interactions
    users, items = data.users.own_ids, data.items.labels or data.items.id.tolist()
    return [
        (users[u], items[i], float(r), int(t))
        for u, i, r, t in zip(log.user, log.item, log.rating, log.timestamp, strict=True)
    ]


def test_three_tables_become_one_data_set(table: Callable[[Columns], Any]) -> None:
    data = InteractionData.from_frame(table(LOG), table(ITEMS), table(USERS), rating_scale=(1, 5), name="films")
    assert rows_of(data) == [(5, 10, 5, 50), (5, 20, 1, 50), (7, 10, 2.5, 100), (7, 30, 4, 200), (9, 20, 3, 10)]
    assert data.name == "films" and data.feedback == "explicit" and data.rating_scale == (1, 5) and data.dated
    assert data.items.id.tolist() == [10, 20, 30] and not data.items.labels
    assert data.items.title == ("A quiet film", "Heat (1995)", "item 30")
    assert data.items.year.tolist() == [0, 1995, 0]
    assert data.items.genre_names == ("Crime", "Drama")
    assert data.items.genres.tolist() == [[False, False], [True, True], [False, True]]
    assert data.users.features["city"].tolist() == ["Bonn", "Oslo", ""]
    assert np.array_equal(data.users.features["age"], [31, np.nan, np.nan], equal_nan=True)
    assert "1 without a title, called by their ids (row 2)" in str(data.report)
    assert "1 in the interactions only, without features (row 2)" in str(data.report)


def test_every_library_gives_the_same_data() -> None:
    made = [InteractionData.from_frame(make(LOG), make(ITEMS), make(USERS)) for make in LIBRARIES.values()]
    assert len({data.checksum for data in made}) == 1


@pytest.mark.parametrize(
    ("log", "options", "feedback", "ratings", "scale"),
    [
        ({"user_id": [1, 1], "item_id": [1, 2]}, {}, "implicit", [5, 5], (1, 5)),
        ({"user_id": [1, 1], "item_id": [1, 2], "rating": [1, 9]}, {"feedback": "implicit"}, "implicit",
         [5, 5], (1, 5)),
        ({"user_id": [1, 1], "item_id": [1, 2], "rating": [True, False]}, {}, "thumbs", [5, 1], (1, 5)),
        ({"user_id": [1, 1], "item_id": [1, 2], "ok": [-1, 1]}, {"rating": "ok", "feedback": "thumbs"}, "thumbs",
         [1, 5], (1, 5)),
        ({"user_id": [1, 1], "item_id": [1, 2], "ok": [-1, 0]}, {"rating": "ok", "feedback": "thumbs"}, "thumbs",
         [1, 5], (1, 5)),
        ({"user_id": [1, 1], "item_id": [1, 2], "rating": [False, False]}, {}, "thumbs", [1, 1], (1, 5)),
        ({"user_id": [1, 1], "item_id": [1, 2], "rating": [True, True]}, {"feedback": "thumbs"}, "thumbs",
         [5, 5], (1, 5)),
        ({"user_id": [1, 1], "item_id": [1, 2], "rating": [0, 10]}, {}, "explicit", [0, 10], (0, 10)),
        ({"user_id": [1, 1], "item_id": [1, 2], "rating": [True, False]},
         {"feedback": "explicit", "rating_scale": (0, 1)}, "explicit", [1, 0], (0, 1)),
    ],
)  # fmt: skip
def test_the_kind_of_feedback(
    table: Callable[[Columns], Any],
    log: Columns,
    options: dict[str, Any],
    feedback: str,
    ratings: list[float],
    scale: tuple[float, float],
) -> None:
    data = InteractionData.from_frame(table(log), **options)
    assert (data.feedback, data.rating_scale) == (feedback, scale)
    assert data.interactions.rating.tolist() == ratings
    assert not data.dated and "the order of the table" in str(data.report)


def test_strings_as_ids_are_kept_as_labels(table: Callable[[Columns], Any]) -> None:
    log = {"user_id": ["zoe", "al", "zoe"], "item_id": ["B2", "B10", "B10"]}
    data = InteractionData.from_frame(table(log), table({"item_id": ["B2", "B10", "A"], "title": ["x", "y", "z"]}))
    assert rows_of(data) == [("al", "B10", 5, 0), ("zoe", "B2", 5, 0), ("zoe", "B10", 5, 0)]
    assert data.users.id.tolist() == [0, 1] and data.users.labels == ("al", "zoe")
    assert data.items.labels == ("A", "B10", "B2") and data.items.title == ("z", "y", "x")


def test_the_split_goes_by_the_sources_own_ids() -> None:
    names = [f"user {i}" for i in range(40)]
    alone = InteractionData.from_frame(pl.DataFrame({"user_id": names[20:], "item_id": [1] * 20}))
    joined = InteractionData.from_frame(pl.DataFrame({"user_id": names, "item_id": [1] * 40}))
    split = dict(zip(joined.users.own_ids, split_of(joined.users.own_ids), strict=True))
    assert [split[name] for name in alone.users.own_ids] == split_of(alone.users.own_ids).tolist()
    assert 0 < sum(split.values()) < 20
    assert split_of(["17", "3"]).tolist() == split_of([17, 3]).tolist()


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        ([86400, 0], [86400, 0]),
        ([86400.9, 5.2], [86400, 5]),
        (["1970-01-02", "1970-01-01T00:00:07"], [86400, 7]),
        (["1970-01-01T02:00:00+02:00", "1970-01-01 00:00:03.7"], [0, 3]),
        ([date(1970, 1, 2), date(1970, 1, 3)], [86400, 172800]),
        ([datetime(1970, 1, 2), datetime(1970, 1, 1, 0, 0, 9, 999999)], [86400, 9]),
        ([datetime(1970, 1, 1, 3, tzinfo=timezone(timedelta(hours=1))), datetime(1970, 1, 1, tzinfo=UTC)],
         [7200, 0]),
    ],
)  # fmt: skip
def test_times(table: Callable[[Columns], Any], times: list[Any], seconds: list[int]) -> None:
    data = InteractionData.from_frame(table({"user_id": [1, 2], "item_id": [1, 1], "timestamp": times}))
    assert data.interactions.timestamp.tolist() == seconds


def test_lists_as_genres_and_years_out_of_anything() -> None:
    items = {
        "item_id": [1, 2, 3, 4],
        "genres": [["b", "a"], [], None, ["a"]],
        "year": ["2018-01-04", "June 2009", "Soon..", None],
        "title": ["One", "Two (2009)", "Three (1990)", "Four"],
    }
    log = pl.DataFrame({"user_id": [1], "item_id": [1]})
    for make in (LIBRARIES["polars"], LIBRARIES["arrow"], LIBRARIES["pandas"]):
        data = InteractionData.from_frame(log, make(items))
        assert data.items.genres.tolist() == [[True, True], [False, False], [False, False], [True, False]]
        assert data.items.year.tolist() == [2018, 2009, 0, 0]
        assert data.items.title == ("One (2018)", "Two (2009)", "Three (1990)", "Four")
        assert "2 without a year that can be read (rows 2, 3)" in str(data.report)
    for years in ([2018, 0], [2018.0, None], [date(2018, 5, 1), None]):
        data = InteractionData.from_frame(log, pl.DataFrame({"item_id": [1, 2], "year": years}))
        assert data.items.year.tolist() == [2018, 0]
    split = InteractionData.from_frame(
        log, pd.DataFrame({"item_id": [1], "tags": ["a;b"]}), genres="tags", genre_separator=";"
    )
    assert split.items.genre_names == ("a", "b")


def test_what_is_dropped_is_told(caplog: pytest.LogCaptureFixture) -> None:
    log = {
        "user_id": ["u", None, "u", "", "v", "v", "u"],
        "item_id": [1, 1, None, 2, 9, 2, 2],
        "rating": [1.0, 2, 3, 4, 5, None, 3],
    }
    with caplog.at_level(logging.WARNING):
        data = InteractionData.from_frame(pl.DataFrame(log), pl.DataFrame({"item_id": [1, 2, None]}), name="mine")
    assert rows_of(data) == [("u", 1, 1, 0), ("u", 2, 3, 0)]
    assert data.report is not None and (data.report.rows, data.report.kept, data.report.dropped) == (7, 2, 5)
    found = [(note.table, note.what, note.count, note.rows) for note in data.report.notes if note.dropped]
    assert found == [
        ("items", "without an id", 1, (2,)),
        ("interactions", "without a user", 2, (1, 3)),
        ("interactions", "without an item", 1, (2,)),
        ("interactions", "without a rating", 1, (5,)),
        ("interactions", "whose item is not in the table of items", 1, (4,)),
    ]
    assert "mine: 5 of 7 interactions were left out" in caplog.text
    assert data.report.to_dict()["notes"][1]["rows"] == [1, 3]


def test_nothing_dropped_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        data = InteractionData.from_frame(pl.DataFrame(LOG))
    assert not caplog.records and data.report is not None and data.report.dropped == 0


@pytest.mark.parametrize(
    ("keep", "rating", "kept"),
    [(None, [1, 2, 3, 4], [3]), ("first", [1, 2, 3, 4], [2]), ("last", [1, 2, 3, 4], [3])],
)
def test_which_of_several_is_kept(keep: str | None, rating: list[int], kept: list[int]) -> None:
    # In time: row 1 (20), rows 0 and 3 (30), row 2 (40).
    log = pl.DataFrame({"user_id": [1] * 4, "item_id": [1] * 4, "rating": rating, "timestamp": [30, 20, 40, 30]})
    data = InteractionData.from_frame(log, keep=keep, rating_scale=(1, 5))
    assert data.interactions.rating.tolist() == kept
    assert "3 of a user and an item that come twice" in str(data.report)


@pytest.mark.parametrize(("keep", "order"), [(None, [1, 2, 3]), ("first", [1, 2, 3]), ("last", [2, 1, 3])])
def test_of_implicit_feedback_the_first_is_kept(keep: str | None, order: list[int]) -> None:
    log = pl.DataFrame({"user_id": [1] * 4, "item_id": [1, 2, 1, 3]})
    data = InteractionData.from_frame(log, keep=keep)
    assert data.items.id[data.interactions.item].tolist() == order


def test_rows_without_a_time_come_first() -> None:
    log = pl.DataFrame(
        {"user_id": [1] * 4, "item_id": [1, 2, 3, 4], "timestamp": ["2020-01-02", None, "2020-01-01", ""]}
    )
    data = InteractionData.from_frame(log)
    assert data.items.id[data.interactions.item].tolist() == [2, 4, 3, 1]
    assert data.interactions.timestamp[:2].tolist() == [0, 0] and data.dated
    assert "2 without a time, kept before those with one (rows 1, 3)" in str(data.report)


def frame(**columns: list[Any]) -> pl.DataFrame:
    return pl.DataFrame({"user_id": [1, 2], "item_id": [1, 1], **columns}, strict=False)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: InteractionData.from_frame("log.csv"), ["interactions must be a pandas or polars", "str", "read_csv"]),
        (lambda: InteractionData.from_frame(frame().lazy()), ["LazyFrame", "collect"]),
        (lambda: InteractionData.from_frame(frame().clear()), ["must have rows"]),
        (lambda: InteractionData.from_frame(frame(), user="user"), ["a column of", "did you mean 'user_id'"]),
        (lambda: InteractionData.from_frame(frame(), rating="stars"), ["a column of interactions", "stars"]),
        (lambda: InteractionData.from_frame(frame(), feedback="explicit"), ["needs a column of ratings", "rating="]),
        (lambda: InteractionData.from_frame(frame(), feedback="thumb"), ["feedback", "did you mean 'thumbs'"]),
        (lambda: InteractionData.from_frame(frame(), keep="newest"), ["keep", "first, last"]),
        (lambda: InteractionData.from_frame(frame(), name="my/shop"), ["name of a data set", "my/shop"]),
        (lambda: InteractionData.from_frame(frame(item_id=[1, 1.5])), ["whole numbers", "'item_id'", "row 1: 1.5"]),
        (lambda: InteractionData.from_frame(frame(item_id=[True, False])), ["whole numbers", "'item_id'"]),
        (
            lambda: InteractionData.from_frame(pd.DataFrame({"user_id": ["a", 3], "item_id": [1, 1]})),
            ["ids must be all whole numbers or all strings", "row 1: 3"],
        ),
        (lambda: InteractionData.from_frame(frame(user_id=["a\nb", "c"])), ["one line", "row 0"]),
        (lambda: InteractionData.from_frame(frame(rating=["good", "3"])), ["must be numbers", "row 0: good; row 1: 3"]),
        (lambda: InteractionData.from_frame(frame(rating=[1, float("inf")])), ["finite", "row 1: inf"]),
        (lambda: InteractionData.from_frame(frame(rating=[3, 3])), ["ratings must differ", "every rating is 3"]),
        (lambda: InteractionData.from_frame(frame(rating=[3, 7]), rating_scale=(1, 5)), ["on the scale 1 to 5", "7.0"]),
        (
            lambda: InteractionData.from_frame(
                pl.DataFrame({"user_id": [1, 2, 3], "item_id": [1] * 3, "rating": [1, 2, 3]}), feedback="thumbs"
            ),
            ["thumbs must have two values", "row 2: 3"],
        ),
        (lambda: InteractionData.from_frame(frame(timestamp=["2020-01-01", "1.2.2020"])), ["ISO 8601", "row 1: 1.2."]),
        (lambda: InteractionData.from_frame(frame(timestamp=[1, 1_600_000_000_000])), ["seconds", "row 1: 16"]),
        (lambda: InteractionData.from_frame(frame(timestamp=[1, -1])), ["1970 or later", "row 1: -1"]),
        (lambda: InteractionData.from_frame(frame(), frame(item_id=[1, 1])), ["every id must come once", "row 1: 1"]),
        (
            lambda: InteractionData.from_frame(frame(), pl.DataFrame({"item_id": ["1", "2"]})),
            ["of one kind", "1 and '1'", "items"],
        ),
        (
            lambda: InteractionData.from_frame(frame(), users=pl.DataFrame({"user_id": ["1", "2"]})),
            ["of one kind", "1 and '1'", "users"],
        ),
        (
            lambda: InteractionData.from_frame(frame(), pl.DataFrame({"item_id": [5, 6]})),
            ["at least one interaction must be left", "2 whose item is not in the table", "rows 0, 1"],
        ),
        (
            lambda: InteractionData.from_frame(frame(), pl.DataFrame({"item_id": [1], "genres": [3]})),
            ["lists of names", "row 0: 3"],
        ),
        (
            lambda: InteractionData.from_frame(frame(), users=pl.DataFrame({"user_id": [1], "likes": [["a"]]})),
            ["user feature must hold numbers or strings", "'likes'"],
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(make: Callable[[], Any], words: list[str]) -> None:
    with pytest.raises((DataError, UnknownNameError, UsageError)) as caught:
        make()
    error: ILRecError = caught.value
    assert error.rule and error.received is not None
    for word in words:
        assert word in str(error), f"{word!r} is not in: {error}"


def test_large_ids_keep_every_digit(table: Callable[[Columns], Any]) -> None:
    ids = [2**62 + 1, 2**62 + 2]
    data = InteractionData.from_frame(table({"user_id": ids, "item_id": [1, 1]}))
    assert data.users.id.tolist() == ids
    gap = InteractionData.from_frame(pl.DataFrame({"user_id": [*ids, None], "item_id": [1, 1, 1]}))
    assert gap.users.id.tolist() == ids
    with pytest.raises(DataError, match="whole numbers"):  # a float cannot tell them apart
        InteractionData.from_frame(pd.DataFrame({"user_id": [float(ids[0]), 1.0], "item_id": [1, 1]}))


ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 4)),
        st.one_of(st.none(), st.integers(0, 4)),
        st.one_of(st.none(), st.integers(1, 5)),
        st.one_of(st.none(), st.integers(0, 6)),
    ),
    min_size=1,
    max_size=25,
)


@given(ROWS, st.sampled_from(["first", "last"]), st.booleans())
def test_against_a_plain_reading(rows: list[tuple[int | None, ...]], keep: str, strings: bool) -> None:
    """What is kept, and in which order, by a slow second reading of the rules."""
    key = (lambda value: None if value is None else f"id {value}") if strings else (lambda value: value)
    whole = [row for row in rows if None not in row[:3]]
    names = ["user_id", "item_id", "rating", "timestamp"]
    types = {
        "user_id": pl.String if strings else pl.Int64,
        "item_id": pl.Int64,
        "rating": pl.Int64,
        "timestamp": pl.Int64,
    }
    table = pl.DataFrame([(key(row[0]), *row[1:]) for row in rows], schema={n: types[n] for n in names}, orient="row")
    if not whole:
        with pytest.raises(DataError, match="at least one interaction"):
            InteractionData.from_frame(table, keep=keep, rating_scale=(1, 5))
        return
    data = InteractionData.from_frame(table, keep=keep, rating_scale=(1, 5))
    expected: dict[tuple[Any, Any], tuple[Any, ...]] = {}
    in_time = sorted(enumerate(whole), key=lambda pair: (pair[1][3] or 0, pair[0]))
    for place, row in in_time if keep == "last" else reversed(in_time):
        expected[row[0], row[1]] = (key(row[0]), row[3] or 0, place, row[1], row[2])
    ordered = [(u, i, float(r), t) for u, t, _, i, r in sorted(expected.values())]
    assert rows_of(data) == ordered
    assert data.report is not None and data.report.dropped == len(rows) - len(ordered)
    assert sum(note.count for note in data.report.notes if note.dropped) == data.report.dropped
