"""When a user leaves. Pure functions over any array library; every exit has a reason."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

PATIENCE = "patience"
"""Exit reason: the time budget is used up."""

EXHAUSTED = 1e-9
"""Patience at or below this has run out."""


def patience_left(patience: Any, rating: Any, aspiration: Any, *, gain: float, budget: float, half: float) -> Any:
    """p_{t+1} = min(P, p_t + gain * (y_t - c_u) / half): every disappointment costs patience.

    RecSim's time budget (Ie et al. 2019), with the user's own expectation in place of a common bar.

    Args:
        patience: ``(B,)`` p_t.
        rating: ``(B,)`` y_t, the rating just given.
        aspiration: ``(B,)`` c_u, the rating that the user has come to expect.
        gain: How fast disappointment counts.
        budget: P, the most patience there is.
        half: Half the width of the rating scale.
    """
    xp = array_namespace(patience, rating)
    return xp.clip(patience + gain * (rating - aspiration) / half, None, budget)
