"""The default user model once more, in plain Python floats and loops: the oracle that the arrays are held against."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class Reference:
    """One session. Written from the formulas, without a look at the package."""

    vectors: Sequence[Sequence[float]]
    liked: Sequence[float]
    aspiration: float
    kappa: float
    lam: float
    rho: float
    patience: float
    gain: float
    r_min: float
    r_max: float
    max_steps: int

    def __post_init__(self) -> None:
        self.memory = [0.0] * len(self.vectors[0])
        self.left, self.shown = self.patience, []

    def step(self, item: int) -> tuple[float, float, bool, bool]:
        half = (self.r_max - self.r_min) / 2
        vector = self.vectors[item]
        similar = math.fsum(a * b for a, b in zip(vector, self.memory, strict=True))
        wanted = min(max(self.liked[item], self.r_min), self.r_max)
        rating = wanted - half * (self.kappa * similar + self.rho * (1.0 if item in self.shown else 0.0))
        rating = min(max(rating, self.r_min), self.r_max)
        self.left = min(self.patience, self.left + self.gain * (rating - self.aspiration) / half)
        self.memory = [self.lam * g + e for g, e in zip(self.memory, vector, strict=True)]
        self.shown.append(item)
        terminated = self.left <= 1e-9
        return rating, self.left, terminated, not terminated and len(self.shown) >= self.max_steps


def vectors(genres: Sequence[Sequence[int]]) -> list[list[float]]:
    """Content vectors, item by item."""
    rows = [list(map(int, row)) for row in genres]
    if any(sum(row) == 0 for row in rows):
        rows = [[*row, int(sum(row) == 0)] for row in rows]
    counts = [sum(column) for column in zip(*rows, strict=True)]
    idf = [max(0.0, math.log(len(rows) / (1 + count))) for count in counts]
    weighted = [[x * w for x, w in zip(row, idf, strict=True)] for row in rows]
    norms = [math.sqrt(sum(x * x for x in row)) for row in weighted]
    return [[x / norm if norm else 0.0 for x in row] for row, norm in zip(weighted, norms, strict=True)]
