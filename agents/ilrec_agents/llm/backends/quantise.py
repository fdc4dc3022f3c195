"""Weights of 8 or 4 bits: a quarter or an eighth of the memory of float32, for answers that differ a little.

    y = s * (W_8 x) + b,   s_j = max_i |W_ji| / 127,   W_8 = round(W / s)        8 bits, one scale per output

That form saves memory and not time: numbers are multiplied in the model's own format. 4 bits are bitsandbytes' NF4.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import linear

from ilrec_gym.errors import require, unknown_name

KINDS = ("none", "int8", "int4")


class Int8Linear(torch.nn.Module):
    """A linear layer whose weights ``(out, in)`` are whole numbers from -127 to 127."""

    weight: torch.Tensor
    scale: torch.Tensor

    def __init__(self, layer: torch.nn.Linear) -> None:
        super().__init__()
        weight = layer.weight.detach()
        scale = weight.float().abs().amax(dim=1).clamp(min=1e-12) / 127
        self.register_buffer("weight", (weight.float() / scale[:, None]).round().to(torch.int8))
        self.register_buffer("scale", scale.to(weight.dtype))
        self.bias = layer.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(..., in)`` to ``(..., out)``."""
        y = linear(x, self.weight.to(x.dtype)) * self.scale
        return y if self.bias is None else y + self.bias


def loading(kind: str, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """What ``from_pretrained`` must be told.

    Args:
        kind: One of :data:`KINDS`.
        device: Where the model goes.
        dtype: In which it computes.

    Raises:
        UnknownNameError: No such kind.
        MissingExtraError: The library for 4 bits is not installed.
    """
    if kind not in KINDS:
        raise unknown_name("quantise", kind, KINDS)
    if kind != "int4":
        return {}
    require("bitsandbytes", "quantise")
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)
    return {"quantization_config": config, "device_map": {"": device}}


def shorten(kind: str, module: torch.nn.Module) -> None:
    """With "int8", put :class:`Int8Linear` in the place of every linear layer below a module."""
    if kind != "int8":
        return
    for name, child in module.named_children():
        if type(child) is torch.nn.Linear:
            setattr(module, name, Int8Linear(child))
        else:
            shorten(kind, child)
