"""The typed trace: whatever an agent said is read, what is of the wrong type or impossible is named."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest

from ilrec_demos.journal import Journal, Step
from ilrec_demos.trace import TYPES, Trace, problems, words

FACTS = {
    "prompt": "Viewer likes ...", "output": " a comedy\n", "plan": "first comedy", "thought": "they laughed",
    "reason": "a comedy", "recalled": ["too much drama"], "encouraged": ["Big (1988)"], "discouraged": [],
    "proposed": "Big (1988)", "outside": False, "repeated": False, "score": -1.5, "value": 2, "tokens": 30,
    "tokens_in": 20, "tokens_out": 10, "ms": 3.25, "history_left_out": 2,
}  # fmt: skip


def step(propensity: float | None = 0.25, **facts: Any) -> Step:
    """As it comes back from a journal's line."""
    return Step.from_json(json.loads(json.dumps(Step(0, 1, "Big (1988)", 3.5, propensity, None, facts).to_json())))


def test_a_whole_trace() -> None:
    trace = Trace.of(step(**FACTS))
    assert {f.name for f in fields(Trace)} == {*FACTS, "propensity", "more"}
    for name, value in FACTS.items():
        assert getattr(trace, name) == (tuple(value) if isinstance(value, list) else value)
    assert trace.propensity == 0.25 and isinstance(trace.value, float)
    assert json.loads(json.dumps(trace.to_json())) == FACTS | {"propensity": 0.25}
    assert list(words(trace.to_json())) == ["plan", "thought", "reason"]


def test_an_agent_that_says_little(journal: Journal) -> None:
    for session in journal.sessions:
        for one in session.steps:
            assert Trace.of(one).to_json() == {"propensity": one.propensity}
    assert Trace.of(step(None)) == Trace()


def test_what_else_is_said_is_kept() -> None:
    trace = Trace.of(step(reason="good", mood="merry", depth=3, ratings={"a": 1}))
    assert trace.more == {"mood": "merry", "depth": 3, "ratings": {"a": 1}}
    assert words(trace.to_json()) == {"reason": "good", "mood": "merry"}
    assert Trace.of(step(reason=None)).reason is None


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"reason": 3}, "reason: 3 is not a text"),
        ({"outside": 1}, "outside: 1 is not true or false"),
        ({"tokens": 1.5}, "tokens: 1.5 is not a whole number"),
        ({"tokens": True}, "tokens: True is not a whole number"),
        ({"score": "high"}, "score: 'high' is not a number"),
        ({"recalled": "one"}, "recalled: 'one' is not a list of texts"),
        ({"encouraged": ["a", 1]}, "encouraged: "),
        ({"score": float("nan")}, "score: nan is not finite"),
        ({"value": float("inf")}, "value: inf is not finite"),
        ({"ms": -1.0}, "ms: -1.0 is negative"),
        ({"tokens": -1}, "tokens: -1 is negative"),
        ({"history_left_out": -1}, "history_left_out: -1 is negative"),
        ({"tokens": 4, "tokens_in": 1, "tokens_out": 2}, "tokens: 4, but 1 in and 2 out"),
        ({"propensity": 0.0}, r"propensity: 0.0 is outside \(0, 1\]"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_what_cannot_be_is_named(facts: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Trace.of(step(**{"propensity": None} | facts))


def test_every_problem_is_told_once() -> None:
    found = list(problems(step(reason=1, ms=-1.0, tokens=4, tokens_in=1, tokens_out=2)))
    assert [name for name, _ in found] == ["reason", "ms", "tokens"]
    assert list(problems(step(**FACTS))) == []
    assert TYPES.keys() == FACTS.keys() | {"propensity"}
