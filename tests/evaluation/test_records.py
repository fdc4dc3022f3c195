"""Lines of a journal: what is written comes back, and what is not a session is not taken for one."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilrec_gym.evaluation.records import STEP_KEYS, Session, Step

STEP = Step(3, 318, "The Shawshank Redemption (1994)", 4.25, 0.05, (1, 2, 318), {"reason": "a classic", "tokens": 12})
SESSION = Session(2, 7, 102, (STEP, STEP), "patience", True, tokens=24, seconds=0.5)

words = st.text(st.characters(exclude_categories=["Cs"]))
facts = st.dictionaries(words.filter(lambda key: key not in STEP_KEYS), st.none() | st.integers() | words, max_size=3)
ratings = st.floats(0.5, 5.0)
steps = st.builds(
    Step, st.integers(0, 10**6), st.integers(), words, ratings, st.none() | st.floats(0, 1),
    st.none() | st.lists(st.integers(), max_size=4).map(tuple), facts,
)  # fmt: skip


@given(st.lists(steps, min_size=1, max_size=4), st.booleans())
def test_what_is_written_comes_back(played: list[Step], left: bool) -> None:
    session = Session(0, 5, 0, tuple(played), "patience" if left else "", left)
    line = session.to_line()
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    assert Session.from_line(line) == session


def test_a_rating_keeps_every_bit() -> None:
    step = replace(STEP, rating=0.1 + 0.2)
    assert Session.from_line(replace(SESSION, steps=(step,)).to_line()).steps[0].rating == 0.1 + 0.2


def test_arrays_and_broken_characters_do_not_stop_a_line() -> None:
    step = replace(STEP, facts={"scores": np.arange(3.0), "n": np.int64(4), "reason": "half a character \ud83d"})
    back = Session.from_line(replace(SESSION, steps=(step,)).to_line()).steps[0]
    assert back.facts == {"scores": [0.0, 1.0, 2.0], "n": 4, "reason": "half a character ?"}


def test_times_are_what_differs() -> None:
    slow = replace(SESSION, seconds=9.0, steps=tuple(replace(s, facts={**s.facts, "ms": 4.2}) for s in SESSION.steps))
    assert slow != SESSION
    assert slow.without_times() == SESSION.without_times()
    other = replace(slow, steps=tuple(replace(step, rating=4.0) for step in slow.steps))
    assert other.without_times() != SESSION.without_times()


@pytest.mark.parametrize(
    "change",
    [
        {"return": 1.0}, {"return": float("nan")}, {"steps": []}, {"steps": {}}, {"session": "2"}, {"session": True},
        {"terminated": False}, {"exit_reason": ""}, {"exit_reason": None}, {"seed": 1.5}, {"steps": [{"action": 1}]},
        {"steps": [1]},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_a_session_is_refused(change: dict[str, object]) -> None:
    record = json.loads(SESSION.to_line()) | change
    with pytest.raises((ValueError, KeyError, TypeError)):
        Session.from_line(json.dumps(record).encode())


@pytest.mark.parametrize(
    "change", [{"propensity": 1.5}, {"propensity": "x"}, {"candidates": "12"}, {"title": 3}, {"rating": None}], ids=str
)
def test_what_is_not_a_step_is_refused(change: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Step.from_json(STEP.to_json() | change)
