"""Reading one session's record so that each thing that is wrong with it is told, and not only the first."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ilrec_demos.journal import Session, Step
from ilrec_demos.validation.findings import Report

WRONG = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What records raise that are no sessions."""


def read_session(
    place: str, record: dict[str, Any], report: Report, step_place: Callable[[int], str] | None = None
) -> Session | None:
    """The session of a record; None, and findings, where it is none.

    A return that is not the sum of the ratings is a finding, and the session goes on with the sum: so a rating that was
    changed is also found where it stands.

    Args:
        place: Words for where the record stands.
        record: As in a journal's line; ``steps`` is a list.
        report: Gets the findings.
        step_place: Words for where a step stands, by its number from 1.
    """
    sound = True
    for number, step in enumerate(record["steps"], start=1):
        try:
            _fits(Step.from_json(step))
        except WRONG as error:
            sound = False
            report.add(step_place(number) if step_place else f"{place}, step {number}", said(error))
    if not sound:
        return None
    total = math.fsum(float(step["rating"]) for step in record["steps"])
    if record["steps"] and _is_number(record.get("return")) and not abs(total - record["return"]) <= 1e-6:
        report.add(place, f"return {record['return']:g}, but the ratings add up to {total:g}")
        record = record | {"return": total}
    try:
        session = Session.from_record(record)
        _checked(session.number, session.user_id, session.seed)
        return session
    except WRONG as error:
        report.add(place, said(error))
        return None


def _fits(step: Step) -> None:
    _checked(step.action, step.item_id, *(step.candidates or ()))


def _checked(*numbers: int) -> None:
    """Raise ValueError for numbers that arrays cannot hold."""
    for number in numbers:
        if not -(2**63) <= number < 2**63:
            raise ValueError(f"{number} is too large")


def said(error: Exception) -> str:
    """An error in words."""
    return f"missing key {error}" if isinstance(error, KeyError) else str(error)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
