from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilrec_gym.data import InteractionData, catalogue_of, profiles_of, split_of
from ilrec_gym.errors import UsageError

Make = Callable[..., InteractionData]


def test_the_split_is_fixed() -> None:
    test = split_of(np.arange(1, 6041))
    assert test.dtype == bool and test.shape == (6040,)
    assert (np.flatnonzero(test)[:12] + 1).tolist() == [3, 4, 12, 13, 19, 23, 24, 27, 32, 36, 49, 53]
    assert test.sum() == 1192 and test[:610].sum() == 120


@given(st.lists(st.integers(-(2**63), 2**63 - 1), unique=True), st.randoms())
def test_it_depends_on_the_id_alone(ids: list[int], random: np.random.Generator) -> None:
    alone = {user: split_of([user])[0] for user in ids}
    random.shuffle(ids)
    assert split_of(ids).tolist() == [alone[user] for user in ids]
    assert split_of(np.array(ids, dtype=np.int64)).tolist() == split_of(ids).tolist()


@given(st.integers(0, 2**40))
def test_a_fifth_of_any_range_of_ids_are_test_users(start: int) -> None:
    assert split_of(range(start, start + 2000)).mean() == pytest.approx(0.2, abs=0.05)  # 5.6 standard deviations


LOGS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 9), st.sampled_from([1.0, 2.5, 5.0]), st.integers(0, 5)),
    min_size=1,
    unique_by=lambda row: row[:2],
)


@given(log=LOGS, length=st.integers(1, 6))
def test_a_profile_is_what_was_rated_first(
    make_data: Make, log: list[tuple[int, int, float, int]], length: int
) -> None:
    data = make_data(log, n_users=6, n_items=10)
    items, ratings = profiles_of(data, length)
    assert items.shape == ratings.shape == (6, length)
    assert items.dtype == np.int32 and ratings.dtype == np.float64
    for user in range(6):
        own = sorted((row for row in log if row[0] == user), key=lambda row: row[3])[:length]  # stable, as the data
        missing = length - len(own)
        assert items[user].tolist() == [row[1] for row in own] + [-1] * missing
        assert np.array_equal(ratings[user], [row[2] for row in own] + [np.nan] * missing, equal_nan=True)


@pytest.mark.parametrize("length", [0, -1, 2.5, True, None])
def test_a_profile_has_a_length(bundled: InteractionData, length: int) -> None:
    with pytest.raises(UsageError, match="length of a profile") as caught:
        profiles_of(bundled, length)
    assert "received" in str(caught.value) or length is None


def test_profiles_of_the_bundled_catalogue(bundled: InteractionData) -> None:
    data = catalogue_of(bundled)
    items, ratings = profiles_of(data)
    assert items.shape == (610, 20)
    assert ((items == -1) == np.isnan(ratings)).all()
    assert (items >= 0).sum(axis=1).min() >= 5
    assert set(np.unique(ratings[items >= 0])) <= {0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5}
    first = data.interactions.user == 0
    assert items[0].tolist() == data.interactions.item[first][:20].tolist()
