"""The typed trace of one decision: what a language model read, wrote, remembered and chose, with checks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Self, get_type_hints

from ilrec_gym.evaluation.records import Step

Texts = tuple[str, ...]
WORDS = ("plan", "thought", "reason")
"""What an agent says to the reader, in the order in which it is thought of."""


@dataclass(frozen=True)
class Trace:
    """What an agent said about one decision; None where it said nothing of the kind.

    Attributes:
        prompt: The text newly read for this step.
        output: The text written, as it came.
        plan: The planner's words.
        thought: What was thought before the choice.
        reason: Why this item.
        recalled: Reflections on earlier sessions that were shown.
        encouraged: Titles that earlier sessions spoke for.
        discouraged: Titles that they spoke against.
        proposed: The title that was proposed.
        outside: Whether the proposal was no title of the catalogue.
        repeated: Whether it was shown in the session already.
        score: The grounding's own measure of the choice (nats per token, log-probability or cosine).
        propensity: Probability of the choice, in (0, 1].
        value: The critic's value of the state.
        tokens: Tokens read and written; behind a server a share of what it counted for all sessions of the step.
        tokens_in: Tokens read.
        tokens_out: Tokens written.
        ms: The decision's share of the time, in milliseconds.
        history_left_out: Films of the session that did not fit into the prompt.
        more: Whatever else the agent said.
    """

    prompt: str | None = None
    output: str | None = None
    plan: str | None = None
    thought: str | None = None
    reason: str | None = None
    recalled: Texts | None = None
    encouraged: Texts | None = None
    discouraged: Texts | None = None
    proposed: str | None = None
    outside: bool | None = None
    repeated: bool | None = None
    score: float | None = None
    propensity: float | None = None
    value: float | None = None
    tokens: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    ms: float | None = None
    history_left_out: int | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, step: Step) -> Self:
        """The trace of a step of a journal, of whichever agent.

        Raises:
            ValueError: A fact is of another type than this trace has, or outside its range.
        """
        wrong = [f"{name}: {what}" for name, what in problems(step)]
        if wrong:
            raise ValueError("; ".join(wrong))
        facts = _facts(step)
        typed = {name: _as(name, facts.pop(name)) for name in TYPES if name in facts}
        return cls(**typed, more=facts)

    def to_json(self) -> dict[str, Any]:
        """What was said, by name; what was not is left out, and ``more`` stands beside the rest."""
        said = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "more"}
        return {name: value for name, value in said.items() if value is not None} | dict(self.more)


def words(facts: Mapping[str, Any]) -> dict[str, str]:
    """What an agent says to the reader: plan, thought and reason, then further texts that are none of the trace's.

    A reason that only says the plan or the thought again is left out.
    """
    said = {name: facts.get(name) for name in WORDS} | {
        name: value for name, value in facts.items() if name not in TYPES
    }
    texts = {name: value for name, value in said.items() if isinstance(value, str) and value.strip()}
    if texts.get("reason") in (texts.get("plan"), texts.get("thought")):
        texts.pop("reason", None)
    return texts


def problems(step: Step) -> Iterator[tuple[str, str]]:
    """Name and complaint for each fact of a step that is of the wrong type, out of range, or at odds with another."""
    facts = _facts(step)
    sound = {}
    for name, kind in TYPES.items():
        if name in facts and not _is(kind, facts[name]):
            yield name, f"{facts[name]!r:.60} is not {_named(kind)}"
        elif name in facts:
            sound[name] = facts[name]
    yield from _out_of_range({name: value for name, value in sound.items() if value is not None})


def _out_of_range(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("score", "value", "ms"):
        if name in facts and not math.isfinite(facts[name]):
            yield name, f"{facts[name]} is not finite"
    for name in ("tokens", "tokens_in", "tokens_out", "ms", "history_left_out"):
        if name in facts and facts[name] < 0:
            yield name, f"{facts[name]} is negative"
    if "propensity" in facts and not 0 < facts["propensity"] <= 1:
        yield "propensity", f"{facts['propensity']} is outside (0, 1]"
    read, written, tokens = (facts.get(name) for name in ("tokens_in", "tokens_out", "tokens"))
    if read is not None and written is not None and tokens not in (None, read + written):
        yield "tokens", f"{tokens}, but {read} in and {written} out"


def _facts(step: Step) -> dict[str, Any]:
    return dict(step.facts) | ({} if step.propensity is None else {"propensity": step.propensity})


@cache
def _types() -> dict[str, Any]:
    return {name: kind for name, kind in get_type_hints(Trace).items() if name != "more"}


TYPES: Mapping[str, Any] = _types()
"""Name -> type of every typed fact."""


def _is(kind: Any, value: Any) -> bool:
    if value is None:
        return True
    match _bare(kind):
        case x if x is float:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case x if x is int:
            return isinstance(value, int) and not isinstance(value, bool)
        case x if x in (str, bool):
            return isinstance(value, x)
    return isinstance(value, list | tuple) and all(isinstance(text, str) for text in value)


def _as(name: str, value: Any) -> Any:
    if value is None:
        return None
    kind = _bare(TYPES[name])
    return tuple(value) if kind == Texts else kind(value)


def _bare(kind: Any) -> Any:
    """The type beside None."""
    return next(part for part in kind.__args__ if part is not NoneType) if isinstance(kind, UnionType) else kind


def _named(kind: Any) -> str:
    return {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}.get(
        _bare(kind), "a list of texts"
    )
