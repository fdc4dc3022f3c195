from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest

from ilrec_gym.data import InteractionData, Interactions, Items, Users
from ilrec_gym.errors import DataError

Says = Callable[..., None]
ROWS = [(0, 0, 4.0, 10), (0, 1, 2.0, 20), (1, 1, 5.0, 5), (2, 2, 1.0, 7)]


@pytest.fixture
def data(make_data: Callable[..., InteractionData]) -> InteractionData:
    return make_data(ROWS)


def test_what_is_valid_passes_and_is_read_only(data: InteractionData) -> None:
    assert (len(data.interactions), len(data.users), len(data.items)) == (4, 3, 3)
    assert data.rating_scale == (1.0, 5.0)
    with pytest.raises(ValueError, match="read-only"):
        data.interactions.rating[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        data.users.features["age"][0] = 1
    with pytest.raises(FrozenInstanceError):
        data.name = "x"  # type: ignore[misc]
    assert repr(data) == "InteractionData('made': 4 ratings, 3 users, 3 items, scale 1 to 5)"


def test_the_callers_arrays_stay_writable() -> None:
    ids = np.arange(3)
    users = Users(id=ids)
    ids[0] = 7
    assert ids.flags.writeable and not users.id.flags.writeable


@pytest.mark.parametrize(
    ("part", "changes", "words"),
    [
        ("interactions", {"item": np.array([0, 1, 1], dtype=np.int32)}, ["same length", "'item': 3"]),
        ("interactions", {"user": np.array([0, 0, 1, 2])}, ["Interactions.user", "int32", "received", "int64"]),
        ("interactions", {"rating": [4.0, 2.0, 5.0, 1.0]}, ["Interactions.rating", "float64", "list"]),
        ("interactions", {"rating": np.ones((4, 1))}, ["1 axis", "shape (4, 1)"]),
        ("interactions", {"rating": np.array([4, np.nan, 5, np.inf])}, ["finite", "row 1: nan; row 3: inf"]),
        ("interactions", {"user": np.array([0, 1, 0, 2], dtype=np.int32)}, ["sorted", "row 2", "lexsort"]),
        ("interactions", {"timestamp": np.array([10, 9, 5, 7])}, ["sorted", "row 1: 0, 9"]),
        ("items", {"id": np.array([10, 20, 10])}, ["item id must come once", "row 2: 10"]),
        ("items", {"title": ("A", " ", "C")}, ["title", "row 1: ' '"]),
        ("items", {"title": ("A", "B", "C\nD")}, ["title", "one line", "row 2"]),
        ("items", {"title": ("A", None, "C")}, ["title", "row 1: None"]),
        ("items", {"title": ("A", "B")}, ["same length", "'title': 2"]),
        ("items", {"genre_names": ("Comedy",)}, ["genre_names", "2 columns"]),
        ("items", {"genre_names": ("Comedy", "Comedy")}, ["genre_names"]),
        ("items", {"genres": np.zeros((3, 2))}, ["Items.genres", "bool"]),
        ("users", {"id": np.array([1, 1, 2])}, ["user id must come once", "row 1: 1"]),
        ("users", {"features": {"age": np.zeros(2)}}, ["'age'", "3 rows", "shape (2,)"]),
        ("users", {"features": {"age": np.array([1, "x", None], dtype=object)}}, ["'age'", "object"]),
        ("", {"rating_scale": (5, 1)}, ["rating_scale", "(5, 1)"]),
        ("", {"rating_scale": (1, float("inf"))}, ["rating_scale"]),
        ("", {"rating_scale": 5}, ["rating_scale", "5"]),
        ("", {"rating_scale": (2, 5)}, ["scale 2 to 5", "row 3: 1.0"]),
    ],
)
def test_what_breaks_a_rule_is_named(
    data: InteractionData, says: Says, part: str, changes: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(DataError) as caught:
        replace(getattr(data, part) if part else data, **changes)
    says(caught.value, *words)


@pytest.mark.parametrize(("column", "bad"), [("user", 3), ("user", -1), ("item", 3), ("item", -1)])
def test_an_index_outside_its_table_is_named(data: InteractionData, says: Says, column: str, bad: int) -> None:
    log = data.interactions
    values = getattr(log, column).copy()
    row = 3 if bad > 0 else 0
    values[row] = bad
    with pytest.raises(DataError) as caught:
        replace(data, interactions=replace(log, **{column: values}))
    says(caught.value, f"{column} index must lie in 0..2", f"row {row}: {bad}")


def test_a_rating_given_twice_is_named(make_data: Callable[..., InteractionData], says: Says) -> None:
    with pytest.raises(DataError) as caught:
        make_data([*ROWS, (0, 1, 3.0, 30)])
    says(caught.value, "once", "row 1: 0, 1", "row 2: 0, 1")


def test_no_more_than_a_few_offenders_are_listed(says: Says) -> None:
    with pytest.raises(DataError) as caught:
        Users(id=np.zeros(1000, dtype=np.int64))
    says(caught.value, "row 5: 0 and 994 more")


@pytest.mark.parametrize("what", ["ratings", "items", "users"])
def test_nothing_is_empty(what: str, says: Says) -> None:
    none = np.zeros(0, dtype=np.int64)
    with pytest.raises(DataError) as caught:
        if what == "ratings":
            Interactions(none.astype(np.int32), none.astype(np.int32), none.astype(float), none)
        elif what == "items":
            Items(none, (), none.astype(np.int16), np.zeros((0, 1), dtype=bool), ("A",))
        else:
            Users(none)
    says(caught.value, what, "0 rows")


def test_the_checksum_is_that_of_the_content(data: InteractionData) -> None:
    log, items, users = data.interactions, data.items, data.users
    assert replace(data, name="other").checksum == data.checksum
    changed = [
        replace(data, rating_scale=(0, 5)),
        replace(data, interactions=replace(log, rating=log.rating[::-1].copy())),
        replace(data, interactions=replace(log, timestamp=log.timestamp + 1)),
        replace(data, items=replace(items, title=("Film 0 (2000)", "Film 1 (2000)", "Film 3 (2000)"))),
        replace(data, items=replace(items, genres=~items.genres)),
        replace(data, items=replace(items, id=items.id + 1)),
        replace(data, users=replace(users, id=users.id + 1)),
        replace(data, users=replace(users, features={})),
        replace(data, users=replace(users, features={"years": users.features["age"]})),
    ]
    assert len({data.checksum, *(other.checksum for other in changed)}) == 1 + len(changed)


def test_it_survives_pickling(data: InteractionData) -> None:
    checksum = data.checksum
    copy = pickle.loads(pickle.dumps(data))
    assert replace(copy, name="fresh").checksum == checksum


def test_a_million_rows_are_checked_in_well_under_a_second() -> None:
    n_users, n_items = 5000, 200
    user, item = (grid.ravel().astype(np.int32) for grid in np.mgrid[:n_users, :n_items])
    rows = len(user)
    items = Items(
        np.arange(n_items), ("A",) * n_items, np.zeros(n_items, np.int16), np.zeros((n_items, 1), bool), ("g",)
    )
    started = time.perf_counter()
    log = Interactions(user, item, np.full(rows, 3.0), np.zeros(rows, np.int64))
    InteractionData("big", log, items, Users(np.arange(n_users)), (1, 5))
    assert time.perf_counter() - started < 1.0  # measured: 0.05 s
