"""The exit rules of published simulators, exactly. Ratings there do not depend on what was shown before.

| preset | source | the user leaves when | window | horizon |
|---|---|---|---|---|
| `ilrec` | IL-Rec (ICDM 2025) | the rating is low, at any step; else an item of the window is near | 4 | 100 |
| `billp` | BiLLP (SIGIR 2024) | an item of the window is near, or there is one and the rating is low | 4 | 50 |
| `easyrl4rec` | EasyRL4Rec (SIGIR 2024), ML-1M | an item of the window is near | 7 | 30 |
| `dorl` | DORL (SIGIR 2023), KuaiRec | a genre of the item came more than `at_most` times in the window | 10 | 30 |

Near is strictly below the threshold. BiLLP makes both tests inside its loop over the window, so nobody leaves at the
first step. Windows hold earlier items of the same session and never wrap; the published code of the last two wraps
around in the first steps, so that early repeats slip through, which is not copied.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from array_api_compat import array_namespace

from ilrec_gym.errors import UsageError, unknown_name
from ilrec_gym.simulation.distances import UNITS
from ilrec_gym.simulation.exit_rules import (
    LOW_RATING,
    SAME_GENRE,
    TOO_SIMILAR,
    any_near,
    genre_too_often,
    window_of,
)
from ilrec_gym.simulation.state import SimulatorState
from ilrec_gym.simulation.user_models.base import UserModel
from ilrec_gym.simulation.world import World


class WindowRule(UserModel):
    """A rule about the last items shown; the rating is what the preference model says."""

    window: int

    def __post_init__(self) -> None:
        if isinstance(self.window, bool) or not isinstance(self.window, int) or self.window < 1:
            raise UsageError("window must be a whole number, at least 1", received=self.window)

    def respond(self, world: World, state: SimulatorState, items: Any) -> tuple[Any, Any]:
        """R(u, a), and the exit code by the rule."""
        rating = world.liked(state, items)
        xp = array_namespace(rating)
        return rating, xp.astype(self.exit_code(world, rating, items, *self._window(state)), xp.int8)

    def exit_code(self, world: World, rating: Any, items: Any, earlier: Any, valid: Any) -> Any:
        """``(B,)`` codes for ratings ``(B,)``, items ``(B,)`` and the window's items ``(B, N)`` that are valid."""
        raise NotImplementedError

    def _window(self, state: SimulatorState) -> tuple[Any, Any]:
        return window_of(state.shown, state.steps, min(self.window, state.shown.shape[1]))


class NearRule(WindowRule):
    """A window rule with a distance threshold."""

    threshold: float
    threshold_unit: str
    needs_distances: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.threshold_unit not in UNITS:
            raise unknown_name("threshold_unit", self.threshold_unit, UNITS)
        most = 1 if self.threshold_unit == "quantile" else math.inf
        number = isinstance(self.threshold, (int, float)) and not isinstance(self.threshold, bool)
        if not number or not 0 <= self.threshold <= most or math.isinf(self.threshold):
            raise UsageError("threshold must be a number >= 0, at most 1 for a quantile", received=self.threshold)

    def check(self, world: World) -> None:
        if world.distances is None:
            raise UsageError(
                f"the user model {type(self).__name__} needs distances between items",
                cause="a world that was made without them",
                fix="World(..., distances=FactorDistances.of(model))",
            )

    def near(self, world: World, items: Any, earlier: Any, valid: Any) -> Any:
        """``(B,)`` bool: whether an item of the window is near."""
        distances = world.distances
        threshold = distances.threshold(self.threshold, self.threshold_unit)
        return any_near(distances.between(items, earlier), valid, threshold)


@dataclass(frozen=True)
class ILRec(NearRule):
    """IL-Rec's rule: a rating below ``low_rating`` ends the session, at any step; else a near item does.

    Its thresholds (raw 50 on Steam, 15 on Amazon) are for other data; the default here is this project's choice.

    Attributes:
        window: Earlier items looked at.
        threshold: Distance below which an item is near.
        threshold_unit: ``"raw"``, ``"rms"`` or ``"quantile"``.
        low_rating: Ratings below this end the session.
        leaving_step_counts: Whether the source counts the leaving step.
    """

    window: int = 4
    threshold: float = 0.15
    threshold_unit: str = "quantile"
    low_rating: float = 2.0
    leaving_step_counts: bool = True

    exit_reasons = (LOW_RATING, TOO_SIMILAR)
    max_steps = 100

    def exit_code(self, world: World, rating: Any, items: Any, earlier: Any, valid: Any) -> Any:
        xp = array_namespace(rating)
        near = xp.astype(self.near(world, items, earlier, valid), xp.int8)
        return xp.where(rating < self.low_rating, xp.ones_like(near), 2 * near)


@dataclass(frozen=True)
class BiLLP(NearRule):
    """BiLLP's rule: both tests are made for each item of the window, so nobody leaves at the first step.

    Attributes:
        window: Earlier items looked at.
        threshold: Distance below which an item is near.
        threshold_unit: ``"raw"``, ``"rms"`` or ``"quantile"``.
        low_rating: Ratings below this end the session.
        leaving_step_counts: Whether the source counts the leaving step.
    """

    window: int = 4
    threshold: float = 0.15
    threshold_unit: str = "quantile"
    low_rating: float = 2.0
    leaving_step_counts: bool = False

    exit_reasons = (TOO_SIMILAR, LOW_RATING)
    max_steps = 50

    def exit_code(self, world: World, rating: Any, items: Any, earlier: Any, valid: Any) -> Any:
        xp = array_namespace(rating)
        near = self.near(world, items, earlier, valid)
        low = xp.astype((rating < self.low_rating) & xp.any(valid, axis=1), xp.int8)
        return xp.where(near, xp.ones_like(low), 2 * low)


@dataclass(frozen=True)
class EasyRL4Rec(NearRule):
    """EasyRL4Rec's rule for MovieLens-1M: a near item among the last seven ends the session.

    The published threshold is 75 raw with 6,040 users; as an RMS it means the same for any number of users.

    Attributes:
        window: Earlier items looked at.
        threshold: Distance below which an item is near.
        threshold_unit: ``"raw"``, ``"rms"`` or ``"quantile"``.
        leaving_step_counts: Whether the source counts the leaving step.
    """

    window: int = 7
    threshold: float = 75 / math.sqrt(6040)
    threshold_unit: str = "rms"
    leaving_step_counts: bool = True

    exit_reasons = (TOO_SIMILAR,)
    max_steps = 30

    def exit_code(self, world: World, rating: Any, items: Any, earlier: Any, valid: Any) -> Any:
        return self.near(world, items, earlier, valid)


@dataclass(frozen=True)
class DORL(WindowRule):
    """DORL's rule: a genre of the item that came more than ``at_most`` times among the last ten ends the session.

    EasyRL4Rec's variant for KuaiRec is ``window=9, at_most=1``.

    Attributes:
        window: Earlier items looked at.
        at_most: How often a genre may have come.
        leaving_step_counts: Whether the source counts the leaving step.
    """

    window: int = 10
    at_most: int = 0
    leaving_step_counts: bool = True

    exit_reasons = (SAME_GENRE,)
    max_steps = 30

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.at_most, bool) or not isinstance(self.at_most, int) or self.at_most < 0:
            raise UsageError("at_most must be a whole number >= 0", received=self.at_most)

    def check(self, world: World) -> None:
        if world.genres is None:
            raise UsageError("the user model DORL needs the items' genres", fix="World(..., genres=...)")

    def exit_code(self, world: World, rating: Any, items: Any, earlier: Any, valid: Any) -> Any:
        return genre_too_often(world.genres[items], world.genres[earlier], valid, self.at_most)
