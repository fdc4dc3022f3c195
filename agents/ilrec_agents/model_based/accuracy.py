"""How good a world model is on sessions that it never saw: errors, calibrated intervals, leaving, whole sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.model_based.open_loop import open_loop
from ilrec_agents.model_based.steps import LoggedSteps
from ilrec_gym.auc import auc

if TYPE_CHECKING:
    from ilrec_agents.model_based.world_model import WorldModel

INTERVALS = {"50%": 0.6744898, "80%": 1.2815516, "95%": 1.9599640}
"""Share of a normal distribution -> half its width in standard deviations."""

Array = NDArray[np.float64]


def accuracy(model: WorldModel, learned: LoggedSteps, held_out: LoggedSteps) -> dict[str, Any]:
    """Facts about a fitted model, as JSON.

    Returns:
        ``held_out`` (sessions, steps, viewers); ``rating``: rmse, mae and nll of the model, and rmse and mae of the
        learned sessions' mean rating (``constant``) and of the public factors (``public``); ``intervals``: the share
        of ratings within each interval; ``leaving``: see :func:`leaving`; ``open_loop``: see :func:`open_loop`.
    """
    said, y = model.predict(held_out.asked), held_out.rating.astype(np.float64)
    z = (y - said.mean) / said.std
    constant = np.full_like(y, learned.rating.mean())
    rating = _errors("", said.mean - y) | {"nll": float((z**2 / 2 + np.log(said.std * np.sqrt(2 * np.pi))).mean())}
    rating |= _errors("constant_", constant - y) | _errors("public_", _public(model, held_out) - y)
    return {
        "held_out": {
            "sessions": len(np.unique(held_out.session)),
            "viewers": len(np.unique(held_out.viewer)),
            "steps": len(held_out),
        },
        "rating": rating,
        "intervals": {name: float((np.abs(z) <= width).mean()) for name, width in INTERVALS.items()},
        "leaving": leaving(said.leaves, held_out.left, float(learned.left.mean())),
        "open_loop": open_loop(model, held_out),
    }


def leaving(p: Array, left: NDArray[np.bool_], base: float) -> dict[str, float | None]:
    """How good probabilities of leaving are.

    Args:
        p: ``(N,)`` probabilities.
        left: ``(N,)`` who left.
        base: The share that left in the sessions learned from.

    Returns:
        ``rate`` the share that left, ``predicted`` the mean probability, ``auc`` (None where nobody or everybody
        left), ``brier`` = mean (p - l)^2, ``constant_brier`` of the base rate, ``ece``.
    """
    both = left.any() and not left.all()
    return {
        "rate": float(left.mean()),
        "predicted": float(p.mean()),
        "auc": auc(p[left], p[~left]) if both else None,
        "brier": float(np.square(p - left).mean()),
        "constant_brier": float(np.square(base - left).mean()),
        "ece": calibration_error(p, left),
    }


def calibration_error(p: Array, happened: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error over bins of equal count: sum_b n_b / N |mean p in b - share in b|."""
    parts = np.array_split(np.argsort(p, kind="stable"), bins)
    return float(sum(len(b) * abs(p[b].mean() - happened[b].mean()) for b in parts if len(b)) / len(p))


def _errors(prefix: str, errors: Array) -> dict[str, float]:
    return {
        f"{prefix}rmse": float(np.sqrt(np.square(errors).mean())),
        f"{prefix}mae": float(np.abs(errors).mean()),
    }


def _public(model: WorldModel, steps: LoggedSteps) -> Array:
    """``(N,)`` what the public factors predict, from the profile in the observation."""
    public, profile = model.task.public, steps.asked.context[:, model.task.layout.slices["profile"]]
    taste = (profile[:, 2:] * public.item_factors[steps.asked.item]).sum(axis=1)
    return np.clip(public.mean + profile[:, 1] + public.item_bias[steps.asked.item] + taste, *model.task.rating_scale)
