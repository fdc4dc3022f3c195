"""What the card of an exported dataset says of the journal that it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym

from ilrec_demos.header import header_of_card
from ilrec_demos.journal import Session
from ilrec_demos.validation.card_checks import check_values
from ilrec_demos.validation.findings import Report
from ilrec_demos.validation.journals import checked_environment
from ilrec_gym.envs.movielens import MovieLensEnv

_NEEDED: Mapping[str, type | tuple[type, ...]] = {
    "agent": dict, "journal": dict, "environment": dict, "task": dict, "seed": int, "dataset": dict,
}  # fmt: skip


def is_export(place: str, card: Mapping[str, Any], report: Report) -> bool:
    """Whether the card is of sessions that were exported from a journal; one that is damaged is a finding."""
    if not {"agent", "journal"} & card.keys():
        return False
    wrong = [name for name, kind in _NEEDED.items() if not isinstance(card.get(name), kind)]
    task, journal = card.get("task"), card.get("journal")
    if isinstance(task, dict) and not {"description", "env_spec", "fingerprint"} <= task.keys():
        wrong.append("task")
    if isinstance(journal, dict) and not isinstance(journal.get("sessions"), int):
        wrong.append("journal.sessions")
    for name in wrong:
        report.add(place, f"{name} is missing, or damaged: {card.get(name)!r:.60}")
    return not wrong


def dataset_environment(card: Mapping[str, Any], report: Report, env: gym.Env[Any, Any] | None) -> MovieLensEnv | None:
    """The environment that a card describes; None, and a finding or a note, where it cannot be made.

    Raises:
        DataError: Its data set is not at hand.
    """
    return checked_environment(header_of_card(card), report, env, "card")


def check_counts(place: str, sessions: Sequence[Session], card: Mapping[str, Any], report: Report) -> None:
    """Compare the counts of the journal that a card names with what there is."""
    expected = {
        "sessions": len(sessions),
        "steps": sum(map(len, sessions)),
        "users": len({session.user_id for session in sessions}),
        "items": len({step.item_id for session in sessions for step in session.steps}),
    }
    found = {name: card["journal"].get(name) for name in expected}
    check_values(place, {"journal": found}, {"journal": expected}, report)
