"""The default user model: a time budget that disappointments use up, and a taste for variety."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from ilrec_gym.errors import UsageError
from ilrec_gym.simulation import draws
from ilrec_gym.simulation.exit_rules import EXHAUSTED, PATIENCE, patience_left
from ilrec_gym.simulation.factorization import FactorModel
from ilrec_gym.simulation.satiation import drifted, rating_given, remember
from ilrec_gym.simulation.state import SimulatorState
from ilrec_gym.simulation.user_models.base import Scalar, UserModel
from ilrec_gym.simulation.world import World


@dataclass(frozen=True)
class Satiation(UserModel):
    """Similar and repeated items are liked less; what falls short of the user's expectation costs patience.

    After RecSim's interest evolution and time budget (Ie et al. 2019, arXiv 1909.04847).

    Attributes:
        kappa: How much a similar item among the recent ones lowers the rating, in half scales.
        lam: Decay of the memory of what was shown, per step.
        rho: How much an exact repeat lowers the rating, in half scales.
        patience: The budget P at the start, which is also the most there can be.
        gain: How much patience a disappointment of half a scale costs.
        noise: Standard deviation of the noise in the rating given, in half scales; 0 for none.
        drift: How far one liked item pulls the user's interests towards it, 0 (not at all) to 1.
    """

    kappa: float = 0.25
    lam: float = 0.8
    rho: float = 2.0
    patience: float = 3.0
    gain: float = 1.0
    noise: float = 0.0
    drift: float = 0.0

    exit_reasons = (PATIENCE,)

    def __post_init__(self) -> None:
        self.check_numbers(*(field.name for field in fields(self)))

    def check_numbers(self, *names: str) -> None:
        """See that parameters are numbers >= 0, and within their ranges."""
        for name in names:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
                raise UsageError(f"user model parameter {name!r} must be a number >= 0", received=value)
        if self.lam >= 1 or self.patience == 0 or self.drift > 1:
            raise UsageError("lam must be below 1, patience above 0 and drift at most 1", received=self)

    def check(self, world: World) -> None:
        if self.drift and not isinstance(world.preferences, FactorModel):
            raise UsageError(
                "interests can drift where a factor model says who likes what",
                received=type(world.preferences).__name__,
                cause="an explicit matrix of ratings has no interests",
                fix="set drift=0",
            )

    def fresh(self, world: World, users: Any) -> dict[str, Any]:
        """``memory`` (B, G), g of the formulas, and ``patience`` (B,), p."""
        xp = array_namespace(world.item_vectors)
        n, device = len(users), world.item_vectors.device
        return {
            "memory": xp.zeros((n, world.item_vectors.shape[1]), dtype=xp.float64, device=device),
            "patience": xp.full(n, float(self.patience), dtype=xp.float64, device=device),
        }

    def respond(self, world: World, state: SimulatorState, items: Any) -> tuple[Any, Any]:
        """y_t, g_{t+1} and p_{t+1}; who has no patience left leaves."""
        memory, patience = state.hidden["memory"], state.hidden["patience"]
        shown = world.item_vectors[items]
        rating = rating_given(
            world.liked(state, items), shown, memory, state.played(items),
            kappa=self.kappa, rho=self.rho, scale=world.rating_scale, noise=self._noise(state),
        )  # fmt: skip
        patience[...] = patience_left(
            patience, rating, state.aspiration, gain=self.gain, budget=self.patience, half=world.half
        )
        memory[...] = remember(memory, shown, self.lam)
        if self.drift:
            self.let_drift(world, state, items, rating)
        xp = array_namespace(rating)
        return rating, xp.astype(patience <= EXHAUSTED, xp.int8)

    def scalar(self, world: World, state: SimulatorState) -> Scalar | None:
        """The same in plain numbers, where nothing is drawn and nothing drifts."""
        if self.noise or self.drift or not isinstance(world.preferences, FactorModel):
            return None
        return _scalar(self, world, state)

    def let_drift(self, world: World, state: SimulatorState, items: Any, rating: Any) -> None:
        """Pull interests towards the items ``(B,)`` as far as they were liked, in place."""
        likes: Any = world.preferences
        interests = state.tastes[:, 1:]
        interests[...] = drifted(
            interests, likes.item_factors[items], rating,
            middle=sum(world.rating_scale) / 2, half=world.half, drift=self.drift,
        )  # fmt: skip

    def _noise(self, state: SimulatorState) -> Any:
        if not self.noise:
            return 0.0
        return self.noise * draws.normal(state.seeds, state.episodes, draws.NOISE, state.steps)


def _scalar(model: Satiation, world: World, state: SimulatorState) -> Scalar:
    """:meth:`Satiation.respond` for one session. Bound names and views in place of lookups: that is the whole gain."""
    low, high = world.rating_scale
    rho, kappa, gain = world.half * model.rho, world.half * model.kappa, model.gain / world.half
    lam, budget = model.lam, float(model.patience)
    likes: Any = world.preferences
    vectors, factors, bias = world.item_vectors, likes.item_factors, likes.item_bias
    memory, patience = state.hidden["memory"][0], state.hidden["patience"]
    tastes, interests, expected = state.tastes[0], state.tastes[0, 1:], state.aspiration
    seen, multiply, add = set(state.shown[0].tolist()), np.multiply, np.add

    def begin(user: int) -> None:
        tastes[0] = likes.mean + likes.user_bias[user]
        interests[:] = likes.user_factors[user]
        expected[0], patience[0] = world.aspiration[user], budget
        memory.fill(0.0)
        seen.clear()

    def show(item: int) -> tuple[float, int]:
        vector = vectors[item]
        liked = min(max(tastes.item(0) + bias.item(item) + float(interests.dot(factors[item])), low), high)
        spoiled = kappa * float(vector.dot(memory))
        if item in seen:
            spoiled += rho
        seen.add(item)
        rating = min(max(liked - spoiled, low), high)
        left = min(patience.item(0) + gain * (rating - expected.item(0)), budget)
        patience[0] = left
        multiply(memory, lam, memory)
        add(memory, vector, memory)
        return rating, 1 if left <= EXHAUSTED else 0

    return Scalar(begin, show)
