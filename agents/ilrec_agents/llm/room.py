"""Whether a text fits into what a model reads at once."""

from __future__ import annotations

from collections.abc import Sequence

from ilrec_agents.llm.grounding.trie import Tokens
from ilrec_gym.errors import UsageError

LESS = "lower liked and disliked, or use another model"
UNCORRECTED = "use another model, or correction=0.0, which does without texts of viewers who stand for everybody"


def no_room(context_length: int, fix: str) -> UsageError:
    """The error for a prompt that is too long."""
    return UsageError(
        "the prompt must fit into the model's context",
        received=f"{context_length} tokens",
        cause="a model with a short context",
        fix=fix,
    )


def check_room(context_length: int, read: int, texts: Sequence[Tokens], fix: str) -> None:
    """Refuse texts that a model cannot read behind what it has read.

    Args:
        context_length: Tokens that it may have.
        read: Tokens that it has read, or has to keep free.
        texts: One for each row.
        fix: What makes them shorter.

    Raises:
        UsageError: The longest one does not fit.
    """
    if read + max(map(len, texts), default=0) > context_length:
        raise no_room(context_length, fix)
