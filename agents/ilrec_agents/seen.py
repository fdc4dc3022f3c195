"""Which items a viewer has seen at each step of many sessions over a whole catalogue, where actions are items."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

NEVER = -1e9  # a score so low that its probability is 0, and 0 times its logarithm too


class Seen(Protocol):
    """Knows what was seen in sessions that have numbers."""

    def before(self, sessions: Tensor, steps: Tensor) -> Tensor:
        """``(B, n_actions)`` bool, True for items that were seen before these steps ``(B,)`` of these sessions."""


def seen_before(items: Tensor, steps: Tensor, profile: int, n: int) -> Tensor:
    """``(B, n)`` bool, True for items that were seen.

    Args:
        items: ``(B, profile + T)`` items of the profiles, then of the sessions in order; ``n`` where there is none.
        steps: ``(B,)`` how many of a session's items count.
        profile: Columns of the profiles.
        n: Number of items.
    """
    column = torch.arange(items.shape[1], device=items.device) - profile
    shown = torch.where(column < steps[:, None], items, n)
    mask = torch.zeros(len(items), n + 1, dtype=torch.bool, device=items.device)  # one place takes what is no item
    return mask.scatter_(1, shown, True)[:, :-1]
