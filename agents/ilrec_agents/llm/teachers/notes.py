"""What a teacher says of a step: a trace of plain values."""

from __future__ import annotations

from typing import Any

from ilrec_agents.llm.backend import Backend
from ilrec_agents.llm.teachers.deciding import Step
from ilrec_agents.llm.teachers.script import Script
from ilrec_agents.llm.teachers.session import Session


def note(script: Script, backend: Backend, session: Session, step: Step) -> dict[str, Any]:
    """The trace of a session's step; parts that a teacher does not have are left out."""
    choice = step.choice
    plan = None if step.plan is None else script.said("planner", step.plan)
    thought = None if step.thought is None else script.said("thinker", step.thought)
    written = [backend.decode(text).strip() for text in step.written]
    read = len(step.read) + step.tries + choice.read
    wrote = sum(map(len, step.written)) + choice.written
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
        "tokens": read + wrote,
        "tokens_in": read,
        "tokens_out": wrote,
        "history_left_out": step.lost or None,
    }
    return {name: value for name, value in found.items() if value is not None}
