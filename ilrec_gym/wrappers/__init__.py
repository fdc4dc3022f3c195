"""Wrappers around the environments. Each is imported when it is first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ilrec_gym.wrappers.candidates import Candidates
    from ilrec_gym.wrappers.item_embedding import ItemEmbeddingAction
    from ilrec_gym.wrappers.learned_reward import LearnedReward
    from ilrec_gym.wrappers.mask_seen import MaskSeen
    from ilrec_gym.wrappers.record_sessions import RecordSessions
    from ilrec_gym.wrappers.text import TextAction, TextObservation

__all__ = [
    "Candidates",
    "ItemEmbeddingAction",
    "LearnedReward",
    "MaskSeen",
    "RecordSessions",
    "TextAction",
    "TextObservation",
]

_MODULES = {
    "Candidates": "candidates",
    "ItemEmbeddingAction": "item_embedding",
    "LearnedReward": "learned_reward",
    "MaskSeen": "mask_seen",
    "RecordSessions": "record_sessions",
    "TextAction": "text",
    "TextObservation": "text",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
