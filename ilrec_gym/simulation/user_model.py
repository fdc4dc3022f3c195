"""User models: satiation plus exit rule, under a name and with open parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from array_api_compat import array_namespace

from ilrec_gym.errors import UsageError, unknown_name
from ilrec_gym.simulation.exit_rules import EXHAUSTED, PATIENCE, patience_left
from ilrec_gym.simulation.satiation import rating_given, remember


@dataclass
class HiddenState:
    """What goes on in B users' heads.

    Attributes:
        memory: ``(B, G)`` float64 g, decayed memory of what was shown.
        patience: ``(B,)`` float64 p.
    """

    memory: Any
    patience: Any


@dataclass(frozen=True)
class Satiation:
    """The default user model: a time budget that disappointments use up, and a taste for variety.

    After RecSim's interest evolution and time budget (Ie et al. 2019, arXiv 1909.04847).

    Attributes:
        kappa: How much a similar item among the recent ones lowers the rating, in half scales.
        lam: Decay of the memory of what was shown, per step.
        rho: How much an exact repeat lowers the rating, in half scales.
        patience: The budget P at the start, which is also the most there can be.
        gain: How much patience a disappointment of half a scale costs.
    """

    kappa: float = 0.25
    lam: float = 0.8
    rho: float = 2.0
    patience: float = 3.0
    gain: float = 1.0

    exit_reason = PATIENCE

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
                raise UsageError(f"user model parameter {field.name!r} must be a number >= 0", received=value)
        if self.lam >= 1 or self.patience == 0:
            raise UsageError("lam must be below 1 and patience above 0", received=self)

    def respond(
        self, state: HiddenState, liked: Any, shown: Any, repeated: Any, aspiration: Any, scale: tuple[float, float]
    ) -> tuple[Any, HiddenState, Any]:
        """One step of B users.

        Args:
            state: Before the step.
            liked: ``(B,)`` preference model's ratings of the items, within the scale.
            shown: ``(B, G)`` content vectors of the items.
            repeated: ``(B,)`` bool, whether the session had the item already.
            aspiration: ``(B,)`` what each user has come to expect.
            scale: Lowest and highest rating.

        Returns:
            The ratings ``(B,)``, the state after the step, and who leaves ``(B,)`` bool.
        """
        rating = rating_given(liked, shown, state.memory, repeated, kappa=self.kappa, rho=self.rho, scale=scale)
        half = (scale[1] - scale[0]) / 2
        patience = patience_left(state.patience, rating, aspiration, gain=self.gain, budget=self.patience, half=half)
        return rating, HiddenState(remember(state.memory, shown, self.lam), patience), patience <= EXHAUSTED

    def fresh(self, memory_like: Any) -> HiddenState:
        """The state of ``(B, G)`` users at the start of a session, on the device of ``memory_like``."""
        xp = array_namespace(memory_like)
        memory = xp.zeros_like(memory_like)
        return HiddenState(memory, xp.full_like(memory[:, 0], self.patience))


UserModel = Satiation
USER_MODELS: dict[str, type[UserModel]] = {"satiation": Satiation}
"""Presets by name: adding one is a class and a line here."""


def make_user_model(spec: str | Mapping[str, Any] | UserModel) -> UserModel:
    """A user model from a preset's name, from ``{"name": ..., parameter: value}``, or as it is.

    Raises:
        UnknownNameError: No such preset or parameter.
        UsageError: A parameter out of range.
    """
    if isinstance(spec, UserModel):
        return spec
    options = {"name": spec} if isinstance(spec, str) else dict(spec) if isinstance(spec, Mapping) else None
    if options is None or "name" not in options:
        raise UsageError('user_model must be a name or {"name": ..., parameter: value}', received=spec)
    name = options.pop("name")
    if name not in USER_MODELS:
        raise unknown_name("user_model", name, USER_MODELS)
    preset = USER_MODELS[name]
    known = [field.name for field in fields(preset)]
    for option in options:
        if option not in known:
            raise unknown_name(f"parameter of user model {name!r}", option, known)
    return preset(**options)


def describe(model: UserModel) -> dict[str, Any]:
    """The JSON form of a user model, which :func:`make_user_model` takes back."""
    name = next(key for key, preset in USER_MODELS.items() if type(model) is preset)
    return {"name": name, **asdict(model)}
