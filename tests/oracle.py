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


@dataclass
class SlateReference(Reference):
    """The same user before slates, choosing by draws that are given."""

    choice: str = "multinomial_logit"
    tau: float = 0.25
    no_choice: float = -1.0
    beta: float = 0.9
    unchosen: float = 0.3

    def choose(self, slate: Sequence[int], draws: Sequence[float]) -> tuple[int, list[float]]:
        """The place chosen (-1 for nothing) and the ratings; draws: one, then k for looking, then k for the cascade."""
        half, k = (self.r_max - self.r_min) / 2, len(slate)
        ratings = []
        for item in slate:
            similar = math.fsum(a * b for a, b in zip(self.vectors[item], self.memory, strict=True))
            wanted = min(max(self.liked[item], self.r_min), self.r_max)
            spoiled = self.kappa * similar + (self.rho if item in self.shown else 0.0)
            ratings.append(min(max(wanted - half * spoiled, self.r_min), self.r_max))
        there = [j for j in range(k) if slate[j] not in slate[:j] and draws[1 + j] < self.beta**j]
        scores = [(rating - self.aspiration) / half for rating in ratings]
        if self.choice == "cascade":
            for j in there:
                if draws[1 + k + j] < 1 / (1 + math.exp(-(scores[j] - self.no_choice) / self.tau)):
                    return j, ratings
            return -1, ratings
        options = [(-1, math.exp(self.no_choice / self.tau))]
        options += [(j, math.exp(scores[j] / self.tau)) for j in there]
        left = draws[0] * math.fsum(weight for _, weight in options)
        for place, weight in options:
            left -= weight
            if left < 0:
                return place, ratings
        return options[-1][0], ratings

    def step_slate(self, slate: Sequence[int], draws: Sequence[float]) -> tuple[float, int, float, bool, bool]:
        """Rating, place, patience, terminated, truncated."""
        place, ratings = self.choose(slate, draws)
        rating = self.r_min if place < 0 else ratings[place]
        half = (self.r_max - self.r_min) / 2
        self.left = min(self.patience, self.left + self.gain * (rating - self.aspiration) / half)
        memory = [self.lam * g for g in self.memory]
        for j, item in enumerate(slate):
            if item not in slate[:j]:
                weight = 1.0 if j == place else self.unchosen
                memory = [g + weight * e for g, e in zip(memory, self.vectors[item], strict=True)]
        self.memory = memory
        if place >= 0:
            self.shown.append(slate[place])
        self.steps = getattr(self, "steps", 0) + 1
        terminated = self.left <= 1e-9
        return rating, place, self.left, terminated, not terminated and self.steps >= self.max_steps
