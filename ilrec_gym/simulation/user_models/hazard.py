"""Users who leave by chance, as real users did: a hazard that was fitted on the sessions of a log."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from array_api_compat import array_namespace

from ilrec_gym.errors import UsageError
from ilrec_gym.simulation import draws
from ilrec_gym.simulation.hazard.model import LAM, HazardModel, covariates, recent_after, surprise_of
from ilrec_gym.simulation.satiation import rating_given, remember
from ilrec_gym.simulation.state import SimulatorState
from ilrec_gym.simulation.user_models.base import UserModel
from ilrec_gym.simulation.world import World

HAZARD = "hazard"
"""Exit reason: the user stopped here, by a chance that was learned from logs."""


@dataclass(frozen=True)
class Hazard(UserModel):
    """Ratings as under ``satiation``; after each item the user leaves with a chance learned from real sessions.

    The defaults are ``ilrec data hazard ml-latest-small``. They say what the logs say: how long a user has been there
    decides, what they were shown hardly matters. So this model is for sessions of real length, not for ranking agents.

    Attributes:
        intercept: b_0 of :mod:`ilrec_gym.simulation.hazard.model`, the log-odds of leaving where all covariates are 0.
        rating: Coefficient of the rating given, less the user's aspiration, in half scales.
        recent: Coefficient of the moving average of the same over the items before.
        similarity: Coefficient of the item's similarity to what was shown lately.
        log_step: Coefficient of ln t, t counting the items from 1.
        log_step_squared: Coefficient of (ln t)^2.
        kappa: How much a similar item among the recent ones lowers the rating, in half scales.
        rho: How much an exact repeat lowers the rating, in half scales.
    """

    intercept: float = 0.0314
    rating: float = -0.1539
    recent: float = -0.0836
    similarity: float = -0.0543
    log_step: float = -1.4043
    log_step_squared: float = 0.1002
    kappa: float = 0.25
    rho: float = 2.0

    exit_reasons = (HAZARD,)

    def __post_init__(self) -> None:
        for name in ("kappa", "rho"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
                raise UsageError(f"user model parameter {name!r} must be a number >= 0", received=value)
        _ = self.model  # bad coefficients are told of now

    @property
    def model(self) -> HazardModel:
        """The hazard."""
        return HazardModel(**{field.name: getattr(self, field.name) for field in fields(HazardModel)})

    def fresh(self, world: World, users: Any) -> dict[str, Any]:
        """``memory`` (B, G), g of the formulas, and ``recent`` (B,), d."""
        xp = array_namespace(world.item_vectors)
        shape, device = (len(users), world.item_vectors.shape[1]), world.item_vectors.device
        return {
            "memory": xp.zeros(shape, dtype=xp.float64, device=device),
            "recent": xp.zeros(shape[0], dtype=xp.float64, device=device),
        }

    def respond(self, world: World, state: SimulatorState, items: Any) -> tuple[Any, Any]:
        """y_t, and whether the draw of this step falls below the chance of leaving."""
        memory, recent = state.hidden["memory"], state.hidden["recent"]
        shown = world.item_vectors[items]
        xp = array_namespace(shown)
        rating = rating_given(
            world.liked(state, items), shown, memory, state.played(items),
            kappa=self.kappa, rho=self.rho, scale=world.rating_scale,
        )  # fmt: skip
        surprise = surprise_of(rating, state.aspiration, world.half)
        x = covariates(surprise, recent, xp.vecdot(shown, memory), state.steps + 1)
        draw = draws.uniform(state.seeds, state.episodes, draws.EXIT, state.steps)
        memory[...], recent[...] = remember(memory, shown, LAM), recent_after(recent, surprise)
        return rating, xp.astype(draw < self.model.chance(x), xp.int8)
