"""Random numbers by counter: the same (seed, episode, stream) gives the same draw, whatever was drawn before.

Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), written in plain int64 arithmetic
so that it runs on any array library. A stateful generator would tie a session's draws to the sessions beside it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

USER = 0
"""Stream of the draw that picks a session's user."""
AGENT = 1
"""Stream of an agent's own draws."""

_MASK = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10


def philox4x32(counter: NDArray[np.int64], key: NDArray[np.int64]) -> NDArray[np.int64]:
    """Philox4x32-10.

    Args:
        counter: ``(..., 4)`` words in [0, 2^32).
        key: ``(..., 2)`` words in [0, 2^32).

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
    return np.concatenate([c0, c1, c2, c3], axis=-1)


def uniform(
    seed: ArrayLike, episode: ArrayLike, stream: int, step: ArrayLike = 0, lane: int = 0
) -> NDArray[np.float64]:
    """Uniform draws in [0, 1) with 53 bits, one for each (seed, episode, step).

    Args:
        seed: Integers >= 0 below 2^64, broadcast with ``episode`` and ``step``.
        episode: Integers >= 0 below 2^32: the how-manieth session of this seed.
        stream: What the draw is for; each purpose has its own.
        step: Integers >= 0 below 2^32: the step within the session.
        lane: An integer >= 0 below 2^32 that tells draws of one stream apart, such as an agent's seed.
    """
    seed, episode, step = np.broadcast_arrays(*(np.atleast_1d(np.asarray(x, np.int64)) for x in (seed, episode, step)))
    counter = np.stack([step, episode, np.full_like(step, stream), np.full_like(step, lane)], axis=-1)
    key = np.stack([seed & _MASK, (seed >> 32) & _MASK], axis=-1)
    words = philox4x32(counter, key)
    return ((words[..., 0] >> 5) * 67108864.0 + (words[..., 1] >> 6)) / 9007199254740992.0


def _multiply(multiplier: int, word: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    # The product needs 64 bits unsigned; int64 wraps to the same bits, and the masks undo the sign.
    product = word * np.int64(multiplier)
    return (product >> 32) & _MASK, product & _MASK
