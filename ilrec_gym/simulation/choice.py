"""How a user chooses from a slate of k items, or nothing. Pure functions over any array library.

Items have scores v_j; choosing nothing has the score v_0. Each place j = 0, 1, ... is looked at with probability beta^j
(position bias; beta = 1 for none), independently, and what is not looked at is not there:

    multinomial logit   P(j) = exp(v_j / tau) / (exp(v_0 / tau) + sum_i exp(v_i / tau))
    cascade             from the top, item j is taken with probability sigmoid((v_j - v_0) / tau), until one is

After RecSim's choice models (Ie et al. 2019, arXiv 1909.04847), which have the first without position bias.
"""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from ilrec_gym.simulation import draws
from ilrec_gym.simulation.state import SimulatorState

CHOICES = ("multinomial_logit", "cascade")
"""Choice models by name."""

NOTHING = -1
"""The place of choosing nothing."""


def valid_places(slates: Any) -> Any:
    """``(B, k)`` bool: an item that stands in a slate ``(B, k)`` twice counts once, its second place is empty."""
    xp = array_namespace(slates)
    same = slates[:, :, None] == slates[:, None, :]
    return ~xp.any(xp.tril(same, k=-1), axis=2)


def looked_at(uniform: Any, beta: float) -> Any:
    """``(B, k)`` bool: whether each place is looked at, by draws ``(B, k)``."""
    xp = array_namespace(uniform)
    return uniform < beta ** xp.arange(uniform.shape[1], dtype=xp.float64, device=uniform.device)


def logit_probabilities(scores: Any, valid: Any, no_choice: float, tau: float) -> Any:
    """``(B, 1 + k)`` probabilities: of nothing, then of each place; scores ``(B, k)``, those not valid never."""
    xp = array_namespace(scores)
    nothing = xp.full_like(scores[:, :1], no_choice)
    logits = xp.concat([nothing, xp.where(valid, scores, xp.full_like(scores, -float("inf")))], axis=1) / tau
    weights = xp.exp(logits - xp.max(logits, axis=1, keepdims=True))
    return weights / xp.sum(weights, axis=1, keepdims=True)


def multinomial_logit(scores: Any, valid: Any, uniform: Any, no_choice: float, tau: float) -> Any:
    """``(B,)`` places chosen, or :data:`NOTHING`, by one draw ``(B,)`` each."""
    xp = array_namespace(scores)
    reached = xp.cumulative_sum(logit_probabilities(scores, valid, no_choice, tau), axis=1)
    below = reached <= (uniform * reached[:, -1])[:, None]
    return xp.sum(xp.astype(below, xp.int64), axis=1) - 1


def cascade(scores: Any, valid: Any, uniform: Any, no_choice: float, tau: float) -> Any:
    """``(B,)`` places chosen, or :data:`NOTHING`, by a draw ``(B, k)`` for each place."""
    xp = array_namespace(scores)
    against = xp.clip((no_choice - scores) / tau, None, 700.0)  # e^710 is too large for float64
    taken = valid & (uniform < 1 / (1 + xp.exp(against)))
    first = xp.argmax(xp.astype(taken, xp.int64), axis=1)
    return xp.where(xp.any(taken, axis=1), first, xp.full_like(first, NOTHING))


def chosen_place(
    state: SimulatorState, scores: Any, valid: Any, *, choice: str, no_choice: float, tau: float, beta: float
) -> Any:
    """``(B,)`` places chosen at this step, by draws of each session's own.

    Lane 0 decides a multinomial choice, lanes 1 to k what is looked at, lanes k + 1 to 2 k the steps of a cascade.
    """
    xp, k = array_namespace(scores), scores.shape[1]

    def drawn(first: int) -> Any:
        lanes = [draws.uniform(state.seeds, state.episodes, draws.CHOICE, state.steps, first + j) for j in range(k)]
        return xp.stack(lanes, axis=1)

    valid = valid & looked_at(drawn(1), beta)
    if choice == "cascade":
        return cascade(scores, valid, drawn(k + 1), no_choice, tau)
    uniform = draws.uniform(state.seeds, state.episodes, draws.CHOICE, state.steps)
    return multinomial_logit(scores, valid, uniform, no_choice, tau)
