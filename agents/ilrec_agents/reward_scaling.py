"""Rewards as those like them who learn values: what all actions share would swamp what sets them apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SCALINGS = ("standard", "scale", "none")
"""Mean 0 and standard deviation 1, so that staying pays nothing by itself; standard deviation 1; as they are."""


def shift_and_scale(rewards: NDArray[np.floating], scaling: str) -> tuple[float, float]:
    """What is taken off rewards like these ``(N,)``, and what they are divided by; 0 and 1 where all are equal."""
    std = float(rewards.std(dtype=np.float64))
    if scaling == "none" or std < 1e-6:
        return 0.0, 1.0
    return float(rewards.mean(dtype=np.float64)) if scaling == "standard" else 0.0, std


def scaled(rewards: NDArray[np.floating], scaling: str) -> NDArray[np.float32]:
    """Rewards ``(N,)``, scaled by their own mean and standard deviation."""
    shift, scale = shift_and_scale(rewards, scaling)
    return ((rewards.astype(np.float64) - shift) / scale).astype(np.float32)
