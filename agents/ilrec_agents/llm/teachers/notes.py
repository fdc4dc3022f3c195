"""What a teacher says of a step: a trace of plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ilrec_agents.llm.backend import Backend, Usage
from ilrec_agents.llm.teachers.deciding import Step
from ilrec_agents.llm.teachers.script import Script
from ilrec_agents.llm.teachers.session import Session

Tokens = tuple[int, int]  # read and written


def tokens(backend: Backend, before: Usage | None, steps: Sequence[Step]) -> list[Tokens | None]:
    """Tokens read and written for each step; None where nobody counted them.

    Contexts of a model behind a server count characters. What the server itself counted for all steps together is
    told as equal shares.

    Args:
        backend: The model.
        before: Its usage before the steps.
        steps: R of them, decided at once.
    """
    if before is None or backend.usage is None:
        return [_counted(step) for step in steps]
    spent = backend.usage.since(before)
    if spent is None:
        return [None] * len(steps)
    read, written = (_shared(count, len(steps)) for count in spent)
    return list(zip(read, written, strict=True))


def note(script: Script, backend: Backend, session: Session, step: Step, spent: Tokens | None) -> dict[str, Any]:
    """The trace of a session's step; parts that a teacher does not have are left out."""
    choice = step.choice
    plan = None if step.plan is None else script.said("planner", step.plan)
    thought = None if step.thought is None else script.said("thinker", step.thought)
    written = [backend.decode(text).strip() for text in step.written]
    found: dict[str, Any] = {
        "prompt": backend.decode(step.read),
        "output": "\n".join([text for text in written if text] + [choice.proposed]),
        "plan": plan,
        "thought": thought,
        "reason": thought or plan or "",
        "recalled": list(step.lessons) or None,
        "encouraged": [script.name(item) for item in step.advice.encouraged] or None,
        "discouraged": [script.name(item) for item in step.advice.discouraged] or None,
        "proposed": choice.proposed,
        "outside": not choice.named,
        "repeated": not set(session.items).isdisjoint(choice.named),
        "score": round(choice.score, 4),
        "propensity": choice.propensity,
        "value": None if step.value is None else round(step.value, 4),
        "tokens": None if spent is None else sum(spent),
        "tokens_in": None if spent is None else spent[0],
        "tokens_out": None if spent is None else spent[1],
        "history_left_out": step.lost or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _counted(step: Step) -> Tokens:
    read = len(step.read) + step.tries + step.choice.read
    return read, sum(map(len, step.written)) + step.choice.written


def _shared(total: int, rows: int) -> list[int]:
    """Whole numbers that differ by one at most and add up to the total."""
    each, left = divmod(total, rows)
    return [each + (row < left) for row in range(rows)]
