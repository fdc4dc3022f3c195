"""Users who see a slate of items and choose one of them, or nothing: RecSim's sessions, on real tastes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

from ilrec_gym.errors import UsageError, unknown_name
from ilrec_gym.simulation.choice import CHOICES, NOTHING, chosen_place, valid_places
from ilrec_gym.simulation.exit_rules import EXHAUSTED, patience_left
from ilrec_gym.simulation.satiation import rating_given
from ilrec_gym.simulation.state import SimulatorState
from ilrec_gym.simulation.user_models.satiation import Satiation
from ilrec_gym.simulation.world import World


@dataclass(frozen=True)
class RecSim(Satiation):
    """Satiation's users before a slate; item j scores v_j = (y_j - c_u) / half, y_j its rating were it chosen.

    Choosing nothing gives the lowest rating and costs patience like it. What was chosen satiates with weight 1, what
    was shown beside it with ``unchosen``; only what was chosen before counts as a repeat. Where one item is shown in
    place of a slate, users watch it, and this is :class:`~ilrec_gym.simulation.user_models.satiation.Satiation`.

    Attributes:
        kappa: How much a similar item among the recent ones lowers the rating, in half scales.
        lam: Decay of the memory of what was shown, per step.
        rho: How much an exact repeat lowers the rating, in half scales.
        patience: The budget P at the start, which is also the most there can be.
        gain: How much patience a disappointment of half a scale costs.
        noise: Standard deviation of the noise in the rating given, in half scales; 0 for none.
        drift: How far one liked item pulls the user's interests towards it, 0 (not at all) to 1.
        choice: ``"multinomial_logit"`` or ``"cascade"``, see :mod:`ilrec_gym.simulation.choice`.
        tau: Temperature of the choice, above 0.
        no_choice: v_0, the score of choosing nothing.
        beta: Place j is looked at with probability beta^j; 1 for no position bias.
        unchosen: Weight with which items satiate that were shown and not chosen.
    """

    choice: str = "multinomial_logit"
    tau: float = 0.25
    no_choice: float = -1.0
    beta: float = 0.9
    unchosen: float = 0.3

    def __post_init__(self) -> None:
        self.check_numbers("kappa", "lam", "rho", "patience", "gain", "noise", "drift", "tau", "beta", "unchosen")
        if self.choice not in CHOICES:
            raise unknown_name("choice", self.choice, CHOICES)
        number = isinstance(self.no_choice, (int, float)) and not isinstance(self.no_choice, bool)
        if not number or abs(self.no_choice) == float("inf") or self.no_choice != self.no_choice:
            raise UsageError("no_choice must be a finite number", received=self.no_choice)
        if self.tau == 0 or self.beta > 1:
            raise UsageError("tau must be above 0 and beta at most 1", received=self)

    def respond_to_slate(self, world: World, state: SimulatorState, slates: Any) -> tuple[Any, Any, Any]:
        """One step of B users who see k items each; ``state.hidden`` changes in place.

        Args:
            world: Where they live.
            state: Before the step.
            slates: ``(B, k)`` item indices.

        Returns:
            Ratings ``(B,)``, exit codes ``(B,)``, and the places chosen ``(B,)``, -1 for nothing.
        """
        xp = array_namespace(slates)
        memory, patience = state.hidden["memory"], state.hidden["patience"]
        places = range(slates.shape[1])
        shown, valid = world.item_vectors[slates], valid_places(slates)
        ratings = rating_given(
            xp.stack([world.liked(state, slates[:, j]) for j in places], axis=1),
            shown, memory[:, None], xp.stack([state.played(slates[:, j]) for j in places], axis=1),
            kappa=self.kappa, rho=self.rho, scale=world.rating_scale, noise=self._noise_of_slate(state),
        )  # fmt: skip
        place = chosen_place(
            state, (ratings - state.aspiration[:, None]) / world.half, valid,
            choice=self.choice, no_choice=self.no_choice, tau=self.tau, beta=self.beta,
        )  # fmt: skip
        rating = xp.where(place == NOTHING, world.rating_scale[0], at_place(ratings, place))
        patience[...] = patience_left(
            patience, rating, state.aspiration, gain=self.gain, budget=self.patience, half=world.half
        )
        weights = slate_weights(valid, place, self.unchosen)
        memory[...] = self.lam * memory + xp.sum(weights[..., None] * shown, axis=1)
        if self.drift:  # what was not chosen has the lowest rating, which pulls nothing along
            self.let_drift(world, state, at_place(slates, place), rating)
        return rating, xp.astype(patience <= EXHAUSTED, xp.int8), place

    def _noise_of_slate(self, state: SimulatorState) -> Any:
        return self._noise(state)[:, None] if self.noise else 0.0


def at_place(values: Any, place: Any) -> Any:
    """``(B,)`` values ``(B, k)`` at the places chosen; those at place 0 where nothing was."""
    xp = array_namespace(values)
    return xp.take_along_axis(values, xp.clip(place, 0, None)[:, None], axis=1)[:, 0]


def slate_weights(valid: Any, place: Any, unchosen: float) -> Any:
    """``(B, k)`` float64 weights with which a slate is remembered: 1 chosen, ``unchosen`` beside it, 0 empty."""
    xp = array_namespace(place)
    here = xp.arange(valid.shape[1], device=place.device) == place[:, None]
    weights = xp.astype(valid, xp.float64)  # torch would make float32 of two plain numbers
    return xp.where(here, weights, unchosen * weights)
