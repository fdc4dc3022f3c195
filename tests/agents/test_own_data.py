"""The worked examples of the page on own data, run as they stand there, where the two real sets are at hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ilrec_gym.evaluation import paired_difference

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "own_data.md"
LADDER = ("random", "popular", "playlist", "greedy", "mmr", "oracle_one_step")
SETS = {"of_books": "books", "of_games": "games", "of_everybody": "everybody"}
pytestmark = pytest.mark.owndata


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the blocks of the page leave behind, with nothing fitted before."""
    found: dict[str, Any] = {"__name__": "page"}
    blocks = re.findall(r"^```py\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ILREC_CACHE", str(tmp_path_factory.mktemp("cache")))
        for block in blocks:
            exec(compile(block, str(PAGE), "exec"), found)
    return found


def told(row: str) -> list[str]:
    """The cells of one row of the page's table of results."""
    found = re.search(rf"^\| ([^|]*: )?{re.escape(row)} \|(.*)\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert found, row
    return [cell.strip() for cell in found[2].split("|")]


def test_what_was_kept(page: dict[str, Any]) -> None:
    data = [page[name] for name in SETS.values()]
    assert [f"{d.report.kept:,} of {d.report.rows:,}" for d in data] == told("rows kept")
    assert [d.feedback for d in data] == ["implicit", "thumbs", "thumbs"] and not data[0].dated and data[1].dated
    notes = {(note.table, note.what): note.count for note in page["everybody"].report.notes}
    assert notes == {
        ("items", "without an id"): 1,
        ("items", "without a title, called by their ids"): 1,
        ("items", "without a year that can be read"): 2168,
        ("interactions", "whose item is not in the table of items"): 5286,
        ("interactions", "without a time, kept before those with one"): 9106,
    }
    repeated = [note.count for note in page["books"].report.notes]
    assert repeated == [116_007 - 106_699]


def test_the_ladders_are_those_of_the_page(page: dict[str, Any]) -> None:
    for name in LADDER:
        for stated, results in zip(told(f"`{name}`"), SETS, strict=True):
            assert page[results][name].R_traj.mean == pytest.approx(float(stated), rel=0.05), (name, results)


@pytest.mark.parametrize(
    ("results", "rungs"),
    [
        ("of_books", ("random", "playlist", "popular", "greedy", "mmr", "oracle_one_step")),
        ("of_games", ("random", "popular", "playlist", "greedy", "mmr", "oracle_one_step")),
        ("of_everybody", ("random", "popular", "greedy", "playlist", "mmr", "oracle_one_step")),
    ],
)
def test_every_rung_is_separated(page: dict[str, Any], results: str, rungs: tuple[str, ...]) -> None:
    for below, above in zip(rungs[:-1], rungs[1:], strict=True):
        step = paired_difference(*(page[results][name].per_user("R_traj") for name in (above, below)))
        assert step.low > 0, f"{below} < {above}"


def test_held_out_is_as_on_the_page(page: dict[str, Any]) -> None:
    holdout = page["env"].unwrapped.scenario.holdout
    measured = f"{holdout['ndcg@20']:.3f}, {holdout['popularity_ndcg@20']:.3f}"
    assert measured == told("NDCG@20 on what was held out, and of popularity")[2]
