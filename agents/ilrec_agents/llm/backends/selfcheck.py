"""A model is tried before it is used: read in pieces, beside another row, it must say what it says of a plain text.

So a family whose attention works otherwise than the kept cache assumes is refused, and never used wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from ilrec_gym.errors import UsageError

_LENGTH = 12  # tokens of the trial
_EXACTLY = 0.001  # deviation allowed, in standard deviations of the log-probabilities; 3e-6 as measured in float32
_NEARLY = 0.2  # in shorter formats, where sums of another order differ (0.01 as measured); a wrong mask gives 0.4

Tokens = tuple[int, ...]


def trial(vocabulary: int) -> Tokens:
    """Tokens from all over the vocabulary."""
    return tuple((k + 1) * 7919 % vocabulary for k in range(_LENGTH))


@torch.inference_mode()
def plainly(model: Any, tokens: Tokens) -> torch.Tensor:
    """Logits ``(V,)`` of what follows, by the model's own call."""
    logits: torch.Tensor = model(input_ids=torch.tensor([tokens], device=model.device)).logits[0, -1]
    return logits


@torch.inference_mode()
def check(
    family: str,
    expected: torch.Tensor,
    read: Callable[[Sequence[Sequence[Tokens]]], torch.Tensor],
    tokens: Tokens,
    *,
    exact: bool,
) -> None:
    """Compare what was kept with what was expected.

    Args:
        family: For the error.
        expected: ``(V,)`` as :func:`plainly` gives it.
        read: Reads pieces of text, each a list of one piece per row, and gives logits ``(B, V)`` of what follows.
        tokens: The text.
        exact: Whether the model computes in float32 throughout.

    Raises:
        UsageError: They differ, or the model cannot be called in this way.
    """
    try:
        found = read([[tokens[:5], tokens[:2]], [tokens[5:], tokens[2:]]])
        off = _distance(found.float().log_softmax(-1), expected.float().log_softmax(-1))
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # families differ in what they take, and break in as many ways
        raise _refusal(family, f"{type(error).__name__}: {error}") from error
    if not off < (_EXACTLY if exact else _NEARLY):
        raise _refusal(family, f"log-probabilities that are off by {off:.2g} of their standard deviation")


def _distance(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float(((found - expected).square().mean(-1).sqrt() / expected.std()).max())


def _refusal(family: str, received: str) -> UsageError:
    return UsageError(
        f"a {family} model must say the same of a text read in pieces as of one read at once",
        received=received,
        cause="a family whose attention or memory works otherwise than by keys and values with positions",
        fix='another model, or this one behind a server: backend="server"',
    )
