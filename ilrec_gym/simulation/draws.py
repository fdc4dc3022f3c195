"""Random numbers by counter: the same (seed, episode, stream) gives the same draw, whatever was drawn before.

Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), written in plain int64 arithmetic
so that it runs on any array library. A stateful generator would tie a session's draws to the sessions beside it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_torch_array

USER = 0
"""Stream of the draw that picks a session's user."""
AGENT = 1
"""Stream of an agent's own draws."""
NOISE = 2
"""Stream of the noise in ratings."""
CHOICE = 3
"""Stream of a user's choice among the items of a slate."""
EXIT = 4
"""Stream of leaving by chance."""

_MASK = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10


def philox4x32(counter: Any, key: Any) -> Any:
    """Philox4x32-10.

    Args:
        counter: ``(..., 4)`` int64 words in [0, 2^32).
        key: ``(..., 2)`` int64 words in [0, 2^32).

    Returns:
        ``(..., 4)`` random words in [0, 2^32).
    """
    c0, c1, c2, c3 = (counter[..., i : i + 1] for i in range(4))  # slices: numpy warns of overflow in scalars
    k0, k1 = key[..., :1], key[..., 1:]
    for _ in range(_ROUNDS):
        high0, low0 = _multiply(_MULTIPLIERS[0], c0)
        high1, low1 = _multiply(_MULTIPLIERS[1], c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + _WEYL[0]) & _MASK, (k1 + _WEYL[1]) & _MASK
    return array_namespace(counter).concat([c0, c1, c2, c3], axis=-1)


def uniform(seed: Any, episode: Any, stream: int, step: Any = 0, lane: int = 0) -> Any:
    """Uniform draws in [0, 1) with 53 bits, one for each (seed, episode, step).

    Args:
        seed: Integers >= 0 below 2^63, broadcast with ``episode`` and ``step``; a torch tensor among the three draws
            on its device.
        episode: Integers >= 0 below 2^32: the session's number among those of this seed.
        stream: What the draw is for; each purpose has its own.
        step: Integers >= 0 below 2^32: the step within the session.
        lane: An integer >= 0 below 2^32 that tells draws of one stream apart, such as an agent's seed.
    """
    first, _ = _words(seed, episode, stream, step, lane)
    return first


def normal(seed: Any, episode: Any, stream: int, step: Any = 0, lane: int = 0) -> Any:
    """Standard normal draws (Box and Muller 1958), one for each (seed, episode, step); arguments as in ``uniform``."""
    first, second = _words(seed, episode, stream, step, lane)
    xp = array_namespace(first)
    return xp.sqrt(-2 * xp.log1p(-first)) * xp.cos(2 * math.pi * second)


def _words(seed: Any, episode: Any, stream: int, step: Any, lane: int) -> tuple[Any, Any]:
    """Two independent uniform draws from the four words of one counter."""
    tensors = [x for x in (seed, episode, step) if is_torch_array(x)]
    if tensors:
        xp, device = array_namespace(tensors[0]), tensors[0].device
        parts = [xp.atleast_1d(xp.asarray(x, dtype=xp.int64, device=device)) for x in (seed, episode, step)]
    else:
        xp = array_namespace(np.empty(0))
        parts = [np.atleast_1d(np.asarray(x, np.int64)) for x in (seed, episode, step)]
    seed, episode, step = xp.broadcast_arrays(*parts)
    counter = xp.stack([step, episode, xp.full_like(step, stream), xp.full_like(step, lane)], axis=-1)
    words = philox4x32(counter, xp.stack([seed & _MASK, (seed >> 32) & _MASK], axis=-1))
    return tuple(((words[..., i] >> 5) * 67108864.0 + (words[..., i + 1] >> 6)) / 9007199254740992.0 for i in (0, 2))


def _multiply(multiplier: int, word: Any) -> tuple[Any, Any]:
    # The product needs 64 bits unsigned; int64 wraps to the same bits, and the masks undo the sign.
    product = word * multiplier
    return (product >> 32) & _MASK, product & _MASK
