"""Open loop: logged items are shown to imagined viewers, who live with the ratings that they gave themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ilrec_agents.model_based.steps import Asked, LoggedSteps, scaled, window
from ilrec_gym.envs.observation import Observer

if TYPE_CHECKING:
    from ilrec_agents.model_based.world_model import WorldModel


def open_loop(model: WorldModel, steps: LoggedSteps, horizon: int = 20) -> list[dict[str, float | None]]:
    """How far imagined sessions drift from real ones, step by step.

    Every session begins as it was logged. From then on the same items are shown, but the session so far holds the
    ratings that the model predicted, not those that were given.

    Args:
        model: Fitted.
        steps: Whole sessions.
        horizon: Most steps.

    Returns:
        For each step: ``sessions`` that are still there, ``rmse`` of the rating, ``bias`` (predicted minus given),
        ``return_rmse`` of the sum of the ratings so far, and the share of viewers who are ``staying`` after the step,
        beside what the model predicted for it, ``predicted_staying`` = mean prod (1 - p); None where that is not known,
        as the log cut every session before.
    """
    from ilrec_agents.model_based.imagined import public_half

    task, length = model.task, model.config.window
    first = np.flatnonzero(np.append(True, np.diff(steps.session) != 0))
    lengths = np.diff(np.append(first, len(steps)))
    horizon, last = min(horizon, int(lengths.max())), first + lengths - 1
    observer = Observer(public_half(task), task.layout.context)
    context = steps.asked.context[first].copy()
    shown, given = np.full((len(first), horizon), -1), np.zeros((len(first), horizon))
    error_so_far, survival = np.zeros(len(first)), np.ones(len(first))
    found = list[dict[str, float | None]]()
    for t in range(horizon):
        rows = np.minimum(first + t, last)  # sessions that have ended show their last item again; it counts nowhere
        asked = Asked(context, steps.asked.item[rows], *window(shown, given, np.full(len(first), t), length))
        said, there = model.predict(asked), lengths > t
        error = said.mean - steps.rating[rows]
        error_so_far, survival = error_so_far + error, survival * (1 - said.leaves)
        left = steps.left[last] & (lengths <= t + 1)
        known = steps.left[last] | (lengths > t + 1)  # cut sessions say nothing about later steps
        found.append(
            {
                "step": t + 1,
                "sessions": int(there.sum()),
                "rmse": float(np.sqrt(np.square(error[there]).mean())),
                "bias": float(error[there].mean()),
                "return_rmse": float(np.sqrt(np.square(error_so_far[there]).mean())),
                "staying": float(1 - left[known].mean()) if known.any() else None,
                "predicted_staying": float(survival[known].mean()) if known.any() else None,
            }
        )
        shown[:, t], given[:, t] = asked.item, scaled(task, said.mean)
        observer.update(context, asked.item, said.mean, np.full(len(first), t + 1))
    return found
