"""The pure functions behind the exit rules, on NumPy and on torch; the golden sessions replayed on them alone."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilrec_gym.simulation.exit_rules import any_near, genre_too_often, window_of

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "exit_rules.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module", params=["numpy", "torch"])
def array(request):
    """What makes an array of a library."""
    library = pytest.importorskip(request.param)
    return np.array if library is np else library.tensor


def window(array, history, size):
    """The window of one session in a buffer that is longer than it, with other items behind its end."""
    shown = array([[*history, *[7] * 12]])
    return window_of(shown, array([len(history)]), size)


@given(history=st.lists(st.integers(0, 20), max_size=12), size=st.integers(1, 12))
def test_a_window_holds_the_last_items_and_never_wraps(array, history, size):
    items, valid = window(array, history, size)
    assert items.shape == valid.shape == (1, size)
    assert items[0][valid[0]].tolist() == history[::-1][:size]
    assert valid[0].tolist() == [k < len(history) for k in range(size)]


@given(
    distances=st.lists(st.integers(0, 4), min_size=1, max_size=6), data=st.data(), threshold=st.integers(0, 4),
)  # fmt: skip
def test_near_is_strictly_below(array, distances, data, threshold):
    valid = data.draw(st.lists(st.booleans(), min_size=len(distances), max_size=len(distances)))
    expected = any(ok and d < threshold for d, ok in zip(distances, valid, strict=True))
    assert any_near(array([distances]) * 1.0, array([valid]), float(threshold)).tolist() == [expected]


@pytest.mark.parametrize(
    ("at_most", "expected"), [(0, [True, True, False]), (1, [True, False, False]), (2, [False] * 3)]
)
def test_genres_are_counted_over_the_window(array, at_most, expected):
    """Genre 0 came twice, genre 1 once, genre 2 only in an item that is not there, genre 3 never."""
    earlier = array([[[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]]] * 3) == 1
    genres = array([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 1]]) == 1
    valid = array([[True, True, False]] * 3)
    assert genre_too_often(genres, earlier, valid, at_most).tolist() == expected


@pytest.mark.parametrize("case", range(len(GOLDEN["cases"])))
def test_golden_sessions_on_pure_functions(array, case):
    case = GOLDEN["cases"][case]
    preset, ratings = case["preset"], GOLDEN["ratings"][case["user"]]
    rule = GOLDEN["presets"][preset]
    apart, genres, history = array(GOLDEN["distance"]), array(GOLDEN["genres"]) == 1, []
    for step in case["steps"]:
        item, rating = step["item"], ratings[step["item"]]
        earlier, valid = window(array, history, rule["window"])
        low = rating < 2 and (preset == "ilrec" or (preset == "billp" and bool(valid.any())))
        near = "threshold" in rule and bool(any_near(apart[item][earlier], valid, rule["threshold"]))
        often = preset == "dorl" and bool(genre_too_often(genres[[item]], genres[earlier], valid, 0))
        assert step["terminated"] == (low or near or often)
        assert step["rating"] == pytest.approx(rating, abs=1e-6)
        history.append(item)
