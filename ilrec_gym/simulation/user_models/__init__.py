"""User models by name, with open parameters. Adding a preset is one file and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from ilrec_gym.errors import UsageError, unknown_name
from ilrec_gym.simulation.user_models.base import UserModel
from ilrec_gym.simulation.user_models.hazard import Hazard
from ilrec_gym.simulation.user_models.published import DORL, BiLLP, EasyRL4Rec, ILRec
from ilrec_gym.simulation.user_models.recsim import RecSim
from ilrec_gym.simulation.user_models.satiation import Satiation

USER_MODELS: dict[str, type[UserModel]] = {
    "satiation": Satiation,
    "ilrec": ILRec,
    "billp": BiLLP,
    "easyrl4rec": EasyRL4Rec,
    "dorl": DORL,
    "recsim": RecSim,
    "hazard": Hazard,
}
"""Presets by name."""


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
    known = [field.name for field in fields(preset)]  # type: ignore[arg-type]
    for option in options:
        if option not in known:
            raise unknown_name(f"parameter of user model {name!r}", option, known)
    return preset(**options)


def describe(model: UserModel) -> dict[str, Any]:
    """The JSON form of a user model, which :func:`make_user_model` takes back."""
    name = next((key for key, preset in USER_MODELS.items() if type(model) is preset), type(model).__qualname__)
    return {"name": name, **asdict(model)}  # type: ignore[call-overload]
