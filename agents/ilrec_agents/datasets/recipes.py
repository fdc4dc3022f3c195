"""Recipes of the named datasets: which policies play, for which share of the steps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ilrec_gym.errors import unknown_name

LEARNER = "ppo"
"""The agent behind the trained policies."""


@dataclass(frozen=True)
class Part:
    """One behaviour policy of a dataset.

    Attributes:
        agent: Name in the registry.
        settings: Its settings, where they are not the defaults.
        trained: Share of its training after which it plays, drawing from the softmax of its scores; 0: it is not
            trained.
        share: Share of the dataset's steps.
    """

    agent: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    trained: float = 0.0
    share: float = 1.0

    @property
    def label(self) -> str:
        """What it is called in tables."""
        if self.trained:
            return f"{self.agent} at {self.trained:.0%}"
        settings = ", ".join(f"{key}={value}" for key, value in self.settings.items())
        return f"{self.agent}({settings})" if settings else self.agent


@dataclass(frozen=True)
class Recipe:
    """How a dataset is made.

    Attributes:
        summary: In one line.
        parts: The policies that play; none: the sessions are those of the log.
    """

    summary: str
    parts: tuple[Part, ...] = ()

    @property
    def learns(self) -> bool:
        """Whether a policy has to be trained first."""
        return any(part.trained for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        """The recipe as JSON values."""
        recipe: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return recipe


def _popular(epsilon: float, share: float = 1.0) -> Part:
    return Part("epsilon_greedy", {"epsilon": epsilon, "scores": "popular"}, share=share)


RECIPES: dict[str, Recipe] = {
    "random": Recipe("uniform among the actions that the mask allows", (Part("random_masked"),)),
    "popular": Recipe("the most rated item, in one step of ten a uniform choice", (_popular(0.1),)),
    "mixed": Recipe(
        "sessions of five policies, from uniform and popular to half-trained PPO, a fifth of the steps each",
        (
            Part("random_masked", share=0.2),
            _popular(0.5, share=0.2),
            _popular(0.1, share=0.2),
            Part(LEARNER, trained=0.2, share=0.2),
            Part(LEARNER, trained=0.5, share=0.2),
        ),
    ),
    "medium": Recipe("PPO after half of its training, drawing from its softmax", (Part(LEARNER, trained=0.5),)),
    "expert": Recipe("trained PPO, drawing from its softmax", (Part(LEARNER, trained=1.0),)),
    "logs": Recipe("real rating sequences of train users; over the whole catalogue only, and without propensities"),
}
"""Name -> recipe. Adding one is a line here."""


@dataclass(frozen=True)
class DatasetInfo:
    """What the registry knows of a named dataset.

    Attributes:
        name: Its name.
        summary: What it holds, in one line.
        policies: Who plays; empty for logs.
        learns: Whether a policy is trained for it.
    """

    name: str
    summary: str
    policies: tuple[str, ...]
    learns: bool


def list_datasets() -> list[DatasetInfo]:
    """Every named dataset."""
    return [
        DatasetInfo(name, recipe.summary, tuple(part.label for part in recipe.parts), recipe.learns)
        for name, recipe in RECIPES.items()
    ]


def recipe_of(name: str) -> Recipe:
    """The recipe of a name.

    Raises:
        UnknownNameError: No such dataset.
    """
    if name not in RECIPES:
        raise unknown_name("dataset", name, RECIPES)
    return RECIPES[name]
