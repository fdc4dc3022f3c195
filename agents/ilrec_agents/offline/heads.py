"""Two networks that score actions, joined to one body with two heads."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

HEADS = {"advantage", "value", "key", "bias", "4"}
"""Parts of the networks of ``networks.py`` that come last: in "candidates", "towers" and "flat" (its fifth layer)."""


def share_body(network: Any, other: Any) -> None:
    """Let another network of the same kind read through the body of this one; each keeps its head."""
    for name, part in network[1].named_children():
        if name not in HEADS:
            setattr(other[1], name, part)


def copy_of(network: nn.Module) -> Any:
    """A copy that does not learn."""
    return copy.deepcopy(network).requires_grad_(False)
