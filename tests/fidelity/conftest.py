"""Rules made up for tests, whose faults and virtues are known, and the bundled data as the report takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from ilrec_gym.data import InteractionData, catalogue_of, load_dataset
from ilrec_gym.simulation.scenario import Scenario, build_scenario
from ilrec_gym.simulation.user_models.base import UserModel


@dataclass(frozen=True)
class Deaf(UserModel):
    """Every item gets the same rating, and everybody leaves after five."""

    exit_reasons = ("tired",)

    def respond(self, world: Any, state: Any, items: Any) -> tuple[Any, Any]:
        return np.full(len(items), 3.0), (state.steps >= 4).astype(np.int8)


@dataclass(frozen=True)
class Herd(Deaf):
    """Everybody has the same taste, that of the crowd."""

    def respond(self, world: Any, state: Any, items: Any) -> tuple[Any, Any]:
        return np.clip(3 + 3 * world.preferences.item_bias[items], *world.rating_scale), super().respond(
            world, state, items
        )[1]


@dataclass(frozen=True)
class Patient(Deaf):
    """Nobody leaves."""

    max_steps = 8

    def respond(self, world: Any, state: Any, items: Any) -> tuple[Any, Any]:
        return world.liked(state, items), np.zeros(len(items), np.int8)


RULES = {"deaf": Deaf(), "herd": Herd(), "patient": Patient()}


@pytest.fixture(scope="session")
def data() -> InteractionData:
    return catalogue_of(load_dataset())


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    return build_scenario(load_dataset())


@pytest.fixture(scope="session")
def rules() -> dict[str, UserModel]:
    return RULES
