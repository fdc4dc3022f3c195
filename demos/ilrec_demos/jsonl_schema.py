"""The schema of sessions in JSON Lines: every column, its type, and what it means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_SAID = {
    "integer": "a whole number",
    "number": "a number",
    "text": "a text",
    "boolean": "true or false",
    "integers": "a list of whole numbers",
    "texts": "a list of texts",
}


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        kind: "integer", "number", "text", "boolean", "integers" or "texts".
        meaning: In words.
        null: Whether a value may be missing.
        optional: Whether the column may be missing: it is there where some step of the dataset has a value.
    """

    kind: str
    meaning: str
    null: bool = False
    optional: bool = False

    @property
    def said(self) -> str:
        """The type in words."""
        return _SAID[self.kind] + (" or null" if self.null else "")

    def holds(self, value: Any) -> bool:
        """Whether a value is of this type."""
        if value is None:
            return self.null
        if self.kind in ("integers", "texts"):
            return isinstance(value, list | tuple) and all(_is(self.kind[:-1], one) for one in value)
        return _is(self.kind, value)


def _is(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    kinds: dict[str, Any] = {"integer": int, "number": int | float, "text": str}
    return kind in kinds and isinstance(value, kinds[kind])


def _said(kind: str, meaning: str) -> Column:
    return Column(kind, meaning, null=True, optional=True)


_OF_SESSION = {
    "session": Column("integer", "number of the session, from 0"),
    "user_id": Column("integer", "the data set's id of the viewer"),
    "seed": Column("integer", "seed of `reset` that begins the same session"),
}
_ENDS = {
    "terminated": Column("boolean", "whether the viewer left"),
    "truncated": Column("boolean", "whether the horizon was reached and the viewer had not left"),
    "exit_reason": Column("text", 'why the viewer left; "" otherwise'),
}

TRACE: Mapping[str, Column] = {
    "prompt": _said("text", "what the model newly read for this step"),
    "output": _said("text", "what it wrote, as it came"),
    "plan": _said("text", "the planner's words"),
    "thought": _said("text", "what was thought before the choice"),
    "reason": _said("text", "why this film"),
    "recalled": _said("texts", "reflections on earlier sessions that were shown"),
    "encouraged": _said("texts", "titles that earlier sessions spoke for"),
    "discouraged": _said("texts", "titles that they spoke against"),
    "proposed": _said("text", "the title that was proposed"),
    "outside": _said("boolean", "whether the proposal was no title of the catalogue"),
    "repeated": _said("boolean", "whether the proposal was shown in the session already"),
    "score": _said("number", "the grounding's own measure of the choice"),
    "value": _said("number", "the critic's value of the state"),
    "tokens": _said("integer", "tokens read and written"),
    "tokens_in": _said("integer", "tokens read; behind a server a share of what it counted"),
    "tokens_out": _said("integer", "tokens written; behind a server a share of what it counted"),
    "ms": _said("number", "the decision's share of the time, in milliseconds"),
    "history_left_out": _said("integer", "films of the session that did not fit into the prompt"),
    "more": _said("text", "what else the agent said, a JSON object as text"),
}
"""What an agent said; each column is there where some step has it."""

STEP: Mapping[str, Column] = {
    "session": _OF_SESSION["session"],
    "step": Column("integer", "number of the step in its session, from 1"),
    "user_id": _OF_SESSION["user_id"],
    "seed": _OF_SESSION["seed"],
    "action": Column("integer", "index of the action taken"),
    "item_id": Column("integer", "the data set's id of the film shown"),
    "title": Column("text", "its title"),
    "rating": Column("number", "the simulated rating, which is the reward"),
    "propensity": Column("number", "probability with which the action was taken, in (0, 1]", null=True),
    "candidates": Column("integers", "ids of the films on offer, in the order of actions", null=True),
    **_ENDS,
    **TRACE,
}
"""Columns of ``steps.jsonl``; both flags and the reason are those of the session's last step, false or "" before."""

SESSION: Mapping[str, Column] = {
    **_OF_SESSION,
    "length": Column("integer", "number of steps"),
    "return": Column("number", "sum of the ratings"),
    **_ENDS,
    "tokens": Column("integer", "tokens read and written", null=True),
    "seconds": Column("number", "the session's share of the time that decisions took"),
}
"""Columns of ``sessions.jsonl``."""


def complaints(record: Any, columns: Mapping[str, Column]) -> Iterator[str]:
    """What is wrong with the columns of one line."""
    if not isinstance(record, dict):
        yield f"not an object: {record!r:.60}"
        return
    for name in columns.keys() - record.keys():
        if not columns[name].optional:
            yield f"{name} is missing"
    for name, value in record.items():
        if name not in columns:
            yield f"{name} is no column of the schema"
        elif not columns[name].holds(value):
            yield f"{name} is {value!r:.60}, not {columns[name].said}"
