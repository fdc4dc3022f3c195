"""Finished sessions as lines of JSON: what journals and session recorders write, one line for each."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np

TIMES = frozenset({"ms", "milliseconds", "seconds"})
"""Facts that differ from run to run, and are left out when journals are compared."""

_NUMBER = (int, float)


@dataclass(frozen=True)
class Step:
    """One recommendation and the answer to it.

    Attributes:
        action: The action taken.
        item_id: The data set's id of the item shown.
        title: Its title.
        rating: The rating given, which is the reward.
        propensity: Probability with which the agent took the action; None where it does not say.
        candidates: Ids of the items on offer, in order; None where the whole catalogue was.
        facts: What else the agent said about the decision: ``reason``, ``tokens``, ...
    """

    action: int
    item_id: int
    title: str
    rating: float
    propensity: float | None = None
    candidates: tuple[int, ...] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The step as it lies in a line."""
        record: dict[str, Any] = {
            "action": self.action,
            "item_id": self.item_id,
            "title": self.title,
            "rating": self.rating,
            "propensity": self.propensity,
        }
        if self.candidates is not None:
            record["candidates"] = self.candidates
        return {**record, **self.facts}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Self:
        """The step of a parsed line.

        Raises:
            ValueError, KeyError, TypeError: It is not one.
        """
        check_record(record, {"action": int, "item_id": int, "title": str, "rating": _NUMBER})
        candidates, propensity = record.get("candidates"), record["propensity"]
        if not isinstance(candidates, list | None) or not all(map(_is_whole, candidates or ())):
            raise TypeError(f"candidates is {candidates!r:.80}")
        if propensity is not None and not 0 <= propensity <= 1:
            raise ValueError(f"propensity {propensity}")
        return cls(
            record["action"],
            record["item_id"],
            record["title"],
            float(record["rating"]),
            propensity,
            None if candidates is None else tuple(candidates),
            {key: value for key, value in record.items() if key not in STEP_KEYS},
        )


STEP_KEYS = frozenset(f.name for f in fields(Step)) - {"facts"}
"""Keys of a step that an agent's facts may not take."""


@dataclass(frozen=True)
class Session:
    """One finished session.

    Attributes:
        number: Its number in the journal, from 0.
        user_id: The data set's id of the viewer.
        seed: The session's own seed: the journal's plus ``number``.
        steps: At least one.
        exit_reason: Why the viewer left; "" where the session reached its horizon.
        terminated: Whether the viewer left.
        tokens: Tokens that a language model read and wrote; None where none was asked.
        seconds: The session's share of the time that decisions took.
    """

    number: int
    user_id: int
    seed: int
    steps: tuple[Step, ...]
    exit_reason: str
    terminated: bool
    tokens: int | None = None
    seconds: float = 0.0

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def total(self) -> float:
        """The return: the sum of the ratings."""
        return math.fsum(step.rating for step in self.steps)

    def without_times(self) -> Session:
        """The session without what differs from run to run."""
        steps = (
            replace(step, facts={key: value for key, value in step.facts.items() if key not in TIMES})
            for step in self.steps
        )
        return replace(self, steps=tuple(steps), seconds=0.0)

    def to_line(self) -> bytes:
        """The session as one line of JSON, with its line end."""
        record = {
            "session": self.number,
            "user_id": self.user_id,
            "seed": self.seed,
            "steps": [step.to_json() for step in self.steps],
            "exit_reason": self.exit_reason,
            "terminated": self.terminated,
            "return": self.total,
            "tokens": self.tokens,
            "seconds": self.seconds,
        }
        text = json.dumps(record, ensure_ascii=False, separators=(",", ":"), default=plain, allow_nan=False)
        return text.encode("utf-8", "replace") + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """The session of a line.

        Raises:
            ValueError, KeyError, TypeError: It is not one.
        """
        return cls.from_record(json.loads(line))

    @classmethod
    def from_record(cls, record: Any) -> Self:
        """The session of a parsed line.

        Raises:
            ValueError, KeyError, TypeError: It is not one.
        """
        check_record(record, {
            "session": int, "user_id": int, "seed": int, "steps": list, "exit_reason": str, "terminated": bool,
            "return": _NUMBER, "seconds": _NUMBER,
        })  # fmt: skip
        session = cls(
            record["session"],
            record["user_id"],
            record["seed"],
            tuple(map(Step.from_json, record["steps"])),
            record["exit_reason"],
            record["terminated"],
            record["tokens"],
            record["seconds"],
        )
        if not session.steps:
            raise ValueError("a session without steps")
        if session.terminated != bool(session.exit_reason):
            raise ValueError(f"terminated {session.terminated} with exit_reason {session.exit_reason!r}")
        if not abs(session.total - record["return"]) <= 1e-6:
            raise ValueError(f"return {record['return']}, but the ratings add up to {session.total}")
        return session


def plain(value: Any) -> Any:
    """NumPy values as JSON values, for ``json.dumps(default=)``."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def check_record(record: Any, kinds: Mapping[str, Any]) -> None:
    """Raise ValueError, KeyError or TypeError unless ``record`` has these keys with values of these kinds."""
    if not isinstance(record, dict):
        raise TypeError(f"not an object: {record!r:.80}")
    for key, kind in kinds.items():
        value = record[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise TypeError(f"{key} is {value!r:.80}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
