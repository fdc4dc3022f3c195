"""How long sessions are."""

from __future__ import annotations

import numpy as np

SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)
"""The quantiles that tables give."""


def spread_of(lengths: np.ndarray) -> list[float]:
    """The quantiles of session lengths ``(N,)``, the leaving step included; each is a length that occurs."""
    return [float(q) for q in np.quantile(lengths, SHARES, method="inverted_cdf")]


def counts_of(lengths: np.ndarray, max_steps: int) -> list[int]:
    """Sessions of 1, 2, ... ``max_steps`` steps."""
    return [int(n) for n in np.bincount(lengths, minlength=max_steps + 1)[1:]]
