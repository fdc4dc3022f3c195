"""Own data as one file: the same when read back, found by name and path, and damage is told."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilrec_gym.data import InteractionData, Items, Users, catalogue_of, load_dataset
from ilrec_gym.data.cli import main
from ilrec_gym.data.columns import from_columns, to_columns
from ilrec_gym.errors import ArtefactError, DataError, UnknownNameError, UsageError


def thumbs(**options: Any) -> InteractionData:
    log = pl.DataFrame(
        {
            "user_id": ["b", "a", "a"],
            "item_id": ["x", "y", "x"],
            "rating": [True, False, True],
            "timestamp": [5, None, 7],
        }
    )
    items = pl.DataFrame({"item_id": ["x", "y"], "genres": ["é|ß", ""], "year": [1999, None]})
    return InteractionData.from_frame(log, items, pl.DataFrame({"user_id": ["a"], "age": [3]}), name="mine", **options)


def same(one: InteractionData, other: InteractionData) -> bool:
    parts = (one.checksum, one.name, one.feedback, one.items.labels, one.users.labels, one.items.title)
    return parts == (
        other.checksum, other.name, other.feedback, other.items.labels, other.users.labels, other.items.title
    )  # fmt: skip


def test_saved_and_loaded(tmp_path: Path) -> None:
    data = thumbs()
    data.save(tmp_path / "mine.npz")
    for again in (InteractionData.load(tmp_path / "mine.npz"), load_dataset("file", tmp_path / "mine.npz")):
        assert same(data, again) and again.report is None
    assert np.array_equal(again.users.features["age"], [3, np.nan], equal_nan=True)


@given(st.data())
def test_columns_and_back(given: st.DataObject) -> None:
    ids = given.draw(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), min_size=1),
                              min_size=1, max_size=5, unique=True))  # fmt: skip
    ids = [text for text in ids if text.strip()] or ["one"]
    ratings = given.draw(st.lists(st.booleans(), min_size=len(ids), max_size=len(ids)))
    log = pl.DataFrame({"user_id": ids, "item_id": ids, "rating": ratings})
    data = InteractionData.from_frame(log, feedback=given.draw(st.sampled_from(["thumbs", "implicit"])))
    assert same(data, from_columns(to_columns(data)))


def test_without_genres_at_all() -> None:
    data = InteractionData.from_frame(pl.DataFrame({"user_id": [1, 1], "item_id": [1, 2]}))
    assert data.items.genres.shape == (2, 0)
    again = from_columns(to_columns(data))
    assert again.items.genre_names == () and again.items.genres.shape == (2, 0)


def test_what_is_missing_or_damaged_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="data_path"):
        load_dataset("file")
    with pytest.raises(ArtefactError, match="must exist"):
        load_dataset("file", tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"PK no")
    with pytest.raises(ArtefactError, match="readable"):
        InteractionData.load(tmp_path / "bad.npz")
    np.savez(tmp_path / "other.npz", x=np.arange(3))
    with pytest.raises(DataError, match="complete"):
        InteractionData.load(tmp_path / "other.npz")
    with pytest.raises(UnknownNameError, match="'file'"):
        load_dataset("fle")


def test_the_command_looks_into_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundled = load_dataset()
    bundled.save(tmp_path / "own.npz")
    assert main(["info", "file", "--path", str(tmp_path / "own.npz")]) == 0
    assert "100,836" in capsys.readouterr().out


def test_the_catalogue_keeps_labels_and_feedback() -> None:
    part = catalogue_of(thumbs(), min_ratings=2)
    assert part.items.labels == ("x",) and part.users.labels == ("a", "b") and part.feedback == "thumbs"
    assert part.report is not None and part.report.rows == 3


def test_the_checksum_sees_labels_and_feedback() -> None:
    def made(user: str = "b", item: str = "x", **options: Any) -> InteractionData:
        log = pl.DataFrame({"user_id": ["a", user], "item_id": [item, item], "rating": [True, True]})
        return InteractionData.from_frame(log, pl.DataFrame({"item_id": [item], "title": ["X"]}), **options)

    assert len({data.checksum for data in (made(), made(feedback="implicit"), made(user="c"), made(item="y"))}) == 4
    assert made().checksum == made(name="other").checksum


def test_copies_are_the_same_object_and_pickles_equal() -> None:
    data = thumbs()
    assert copy.deepcopy(data) is data
    assert same(data, pickle.loads(pickle.dumps(data)))


@pytest.mark.parametrize("labels", [("a",), ("a", "a"), ("a", ""), ("a", "b\nc"), ("a", 3)])
def test_labels_are_one_for_each(labels: tuple[Any, ...]) -> None:
    with pytest.raises(DataError, match="labels of users"):
        Users(np.arange(2), labels=labels)
    with pytest.raises(DataError, match="labels of items"):
        Items(np.arange(2), ("A", "B"), np.zeros(2, np.int16), np.zeros((2, 0), bool), (), labels)


@pytest.mark.parametrize(("feedback", "ratings"), [("thumbs", [1, 3]), ("implicit", [1, 5]), ("implicit", [4.9, 5])])
def test_ratings_fit_the_feedback(make_data: Any, feedback: str, ratings: list[float]) -> None:
    data = make_data([(0, place, rating, 0) for place, rating in enumerate(ratings)])
    parts = {name: getattr(data, name) for name in ("name", "interactions", "items", "users", "rating_scale")}
    with pytest.raises(DataError, match=f"{feedback} feedback must have ratings of"):
        InteractionData(**parts, feedback=feedback)
