from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilrec_gym.data import InteractionData, catalogue_of
from ilrec_gym.errors import UsageError

Make = Callable[..., InteractionData]
Says = Callable[..., None]
# user, item, rating, time; each user and item once
LOGS = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 9), st.sampled_from([1.0, 2.5, 5.0]), st.integers(0, 5)),
    min_size=1,
    max_size=60,
    unique_by=lambda row: row[:2],
)


def _rows(data: InteractionData) -> list[tuple[int, int, float, int]]:
    log = data.interactions
    columns = data.users.id[log.user], data.items.id[log.item], log.rating, log.timestamp
    return list(zip(*(column.tolist() for column in columns), strict=True))


@given(log=LOGS, min_ratings=st.integers(0, 4))
def test_it_keeps_just_what_belongs_to_items_rated_often_enough(
    make_data: Make, log: list[tuple[int, int, float, int]], min_ratings: int
) -> None:
    data = make_data(log, n_users=8, n_items=10)
    counts = np.bincount(data.interactions.item, minlength=10)
    if counts.max() < min_ratings:
        with pytest.raises(UsageError, match=f"at most {counts.max()}"):
            catalogue_of(data, min_ratings=min_ratings)
        return
    part = catalogue_of(data, min_ratings=min_ratings)
    kept = counts >= min_ratings
    assert part.items.id.tolist() == data.items.id[kept].tolist()
    assert part.items.title == tuple(np.array(data.items.title)[kept])
    assert np.array_equal(part.items.genres, data.items.genres[kept])
    wanted = set(data.items.id[kept].tolist())
    assert _rows(part) == [row for row in _rows(data) if row[1] in wanted]
    assert part.users.id.tolist() == sorted({row[0] for row in _rows(part)})
    assert (part.users.features["age"] == part.users.id - 100).all()
    assert catalogue_of(part, min_ratings=min_ratings).checksum == part.checksum


@given(log=LOGS, size=st.integers(1, 10))
def test_a_size_keeps_the_most_rated(make_data: Make, log: list[tuple[int, int, float, int]], size: int) -> None:
    data = make_data(log, n_users=8, n_items=10)
    counts = np.bincount(data.interactions.item, minlength=10)
    rated = int((counts > 0).sum())
    if size > rated:
        with pytest.raises(UsageError, match=rf"1\.\.{rated}"):
            catalogue_of(data, catalogue_size=size)
        return
    part = catalogue_of(data, catalogue_size=size, min_ratings=1000)
    expected = sorted(sorted(range(10), key=lambda item: (-counts[item], item))[:size])
    assert part.items.id.tolist() == data.items.id[expected].tolist()


def test_without_a_loss_nothing_changes(make_data: Make) -> None:
    data = make_data([(0, 0, 3.0, 1), (1, 1, 4.0, 1), (1, 0, 2.0, 0)])
    assert catalogue_of(data, min_ratings=1).checksum == data.checksum


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"min_ratings": -1}, ["min_ratings", "-1"]),
        ({"min_ratings": 2.5}, ["min_ratings", "2.5"]),
        ({"min_ratings": True}, ["min_ratings", "True"]),
        ({"min_ratings": 1000}, ["min_ratings", "1000", "larger data set"]),
        ({"catalogue_size": 0}, ["catalogue_size", "1..9724", "0"]),
        ({"catalogue_size": 9725}, ["catalogue_size", "1..9724", "9725", "larger data set"]),
        ({"catalogue_size": "all"}, ["catalogue_size", "'all'"]),
    ],
)
def test_what_makes_no_catalogue_is_named(
    bundled: InteractionData, says: Says, options: dict[str, int], words: list[str]
) -> None:
    with pytest.raises(UsageError) as caught:
        catalogue_of(bundled, **options)
    says(caught.value, *words)


def test_the_catalogues_of_the_bundled_set(bundled: InteractionData) -> None:
    part = catalogue_of(bundled)
    assert (len(part.items), len(part.users), len(part.interactions)) == (3650, 610, 90_274)
    assert np.bincount(part.interactions.item).min() == 5
    most = catalogue_of(bundled, catalogue_size=3)
    assert most.items.title == (
        "Pulp Fiction (1994)",
        "The Shawshank Redemption (1994)",
        "Forrest Gump (1994)",
    )


def test_equal_titles_are_no_trouble(bundled: InteractionData) -> None:
    assert len(set(bundled.items.title)) < len(bundled.items)
    same = replace(bundled, items=replace(bundled.items, title=("X (1990)",) * len(bundled.items)))
    assert set(catalogue_of(same, catalogue_size=10).items.title) == {"X (1990)"}


@pytest.mark.ml1m
def test_the_catalogue_of_ml_1m(ml_1m: InteractionData) -> None:
    part = catalogue_of(ml_1m)
    assert (len(part.items), len(part.users), len(part.interactions)) == (3416, 6040, 999_611)
