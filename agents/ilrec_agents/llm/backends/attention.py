"""What tokens see: masks for layers that see everything or a window, and attention that copies no key."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

from ilrec_gym.errors import UsageError

GROUPED = "ilrec_grouped"
PLAIN = {"llama", "mistral", "qwen2", "qwen3", "smollm3", "gemma3_text"}
"""Families whose attention is nothing but softmax(QK)V."""

_ALIBI = {"bloom", "mpt"}
_FULL, _SLIDING = "full_attention", "sliding_attention"

_FEW, _MANY = 24, 512  # queries between which a CPU multiplies bfloat16 faster in two products than in the fused kernel

Mask = torch.Tensor | dict[str, torch.Tensor]


def grouped_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Grouped-query attention that folds the heads of a group into the queries and copies no key.

    The mask ``(B, 1, n * Q, K)`` is folded already. With a mask, transformers' own form repeats keys and values once
    for each head of a group, which for short queries on long caches costs more than the rest of the layer.
    """
    batch, heads, length, depth = query.shape
    folded = query.reshape(batch, key.shape[1], -1, depth)
    fused = query.device.type != "cpu" or query.dtype != torch.bfloat16 or not _FEW <= folded.shape[2] <= _MANY
    attend = scaled_dot_product_attention if fused else two_products
    mixed = attend(folded, key, value, attn_mask=attention_mask, scale=scaling)
    return mixed.reshape(batch, heads, length, depth).transpose(1, 2), None


def two_products(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attn_mask: torch.Tensor, scale: float | None = None
) -> torch.Tensor:
    """softmax(scale QK + mask) V, written out."""
    scaled = query * (query.shape[-1] ** -0.5 if scale is None else scale)
    return torch.softmax((scaled @ key.transpose(2, 3)).add_(attn_mask), dim=-1) @ value


class Masks:
    """From what each token may see to what a family's layers take.

    Keys are kept for all positions, also by layers that look at a window only; the window is in the mask.

    Args:
        config: The text model's own.
        fold: Heads of a group that are folded into the queries; 1 for none.

    Raises:
        UsageError: The family has layers that are neither full nor sliding attention, or tells places apart by their
            distance in the cache (ALiBi).
    """

    def __init__(self, config: Any, fold: int) -> None:
        kinds = set(getattr(config, "layer_types", None) or [])
        if config.model_type in _ALIBI or getattr(config, "alibi", False):
            kinds.add("ALiBi")
        if kinds - {_FULL, _SLIDING}:
            raise UsageError(
                "the model's layers must be full or sliding attention, because what was read is kept and gone back to",
                received=f"{config.model_type}: {', '.join(sorted(kinds))}",
                cause="a family that is recurrent, reads in chunks, or has no positions",
                fix='another model, or this one behind a server: backend="server"',
            )
        self._fold, self._by_kind = fold, _SLIDING in kinds
        window = getattr(config, "sliding_window", None)
        self._window = int(window) if window and (self._by_kind or not kinds) else None

    def of(self, seen: torch.Tensor, queries: torch.Tensor, keys: torch.Tensor, dtype: torch.dtype) -> Mask:
        """Masks to add.

        Args:
            seen: ``(B, Q, K)`` bool.
            queries: ``(B, Q)`` positions in the text.
            keys: ``(B, K)`` likewise.
            dtype: The model's.

        Returns:
            ``(B, 1, fold * Q, K)``, one for each kind of layer where there are several.
        """
        if self._window is None:
            return self._added(seen, dtype)
        near = self._added(seen & (queries[:, :, None] - keys[:, None, :] < self._window), dtype)
        return {_FULL: self._added(seen, dtype), _SLIDING: near} if self._by_kind else near

    def _added(self, seen: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        mask = torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, torch.finfo(dtype).min)
        return mask[:, None].repeat(1, 1, self._fold, 1)
