"""A learned exit hazard: the chance that a user leaves after an item, by what was shown and how it was rated.

    z_t = (y_t - c_u) / half                                       how the rating compares with the user's expectation
    d_1 = 0,   d_{t+1} = 0.8 d_t + 0.2 z_t                         the same for the items before, moving average
    x_t = (z_t, d_t, e_{a_t} . g_t, ln t, (ln t)^2)                 t counts the items of the session from 1
    P(leaves after step t | was there) = 1 / (1 + exp(-(b_0 + b . x_t)))

y, c, e and g are those of the user model ``satiation``. All of it is there in logs too, with the logged rating as y, so
the coefficients b can be fitted on real sessions: a discrete-time hazard (Allison 1982, "Discrete-time methods for the
analysis of event histories"), which is logistic regression over the steps at which users were still there.
"""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass, fields
from typing import Any

from array_api_compat import array_namespace

from ilrec_gym.errors import UsageError

COVARIATES = ("rating", "recent", "similarity", "log_step", "log_step_squared")
"""Names of x, in order; each is the name of its coefficient in :class:`HazardModel`."""
RECENT = 0.8
"""Decay of the moving average of ratings, per step."""
LAM = 0.8
"""Decay of the memory of what was shown, per step."""
_FAR = 60.0  # a chance of exp(-60) is none, and exp() does not overflow


@dataclass(frozen=True)
class HazardModel:
    """Coefficients of the log-odds that a user leaves after a step.

    Attributes:
        intercept: b_0.
        rating: Of the rating given, less the aspiration, in half scales.
        recent: Of the moving average of the same over the items before.
        similarity: Of the item's similarity to what was shown lately.
        log_step: Of ln t.
        log_step_squared: Of (ln t)^2.
    """

    intercept: float
    rating: float = 0.0
    recent: float = 0.0
    similarity: float = 0.0
    log_step: float = 0.0
    log_step_squared: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < float("inf"):
                raise UsageError(f"hazard coefficient {field.name!r} must be a finite number", received=value)

    def chance(self, x: Any) -> Any:
        """``(B,)`` chance of leaving after this step, of covariates ``(B, 5)``."""
        xp = array_namespace(x)
        b = xp.asarray(astuple(self)[1:], dtype=x.dtype, device=x.device)
        return 1 / (1 + xp.exp(-xp.clip(self.intercept + x @ b, -_FAR, _FAR)))

    def as_user_model(self) -> dict[str, Any]:
        """What ``gym.make(..., user_model=)`` takes."""
        return {"name": "hazard", **asdict(self)}


def covariates(surprise: Any, recent: Any, similarity: Any, steps: Any) -> Any:
    """x_t: ``(B, 5)`` float64, in the order of :data:`COVARIATES`.

    Args:
        surprise: ``(B,)`` z_t.
        recent: ``(B,)`` d_t.
        similarity: ``(B,)`` e . g, similarity of the item to what was shown lately.
        steps: ``(B,)`` t, items shown so far, this one included; at least 1.
    """
    xp = array_namespace(surprise)
    log_step = xp.log(xp.astype(steps, xp.float64))
    return xp.stack([surprise, recent, similarity, log_step, log_step * log_step], axis=-1)


def surprise_of(rating: Any, aspiration: Any, half: float) -> Any:
    """z_t = (y_t - c_u) / half: ``(B,)`` how ratings compare with what their users have come to expect."""
    return (rating - aspiration) / half


def recent_after(recent: Any, surprise: Any) -> Any:
    """d_{t+1} = 0.8 d_t + 0.2 z_t: ``(B,)`` moving average after this step."""
    return RECENT * recent + (1 - RECENT) * surprise
