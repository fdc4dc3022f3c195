"""A model folder to a model of transformers: device, number format, and what can go wrong."""

from __future__ import annotations

import platform
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from ilrec_agents.llm.backends import DTYPES
from ilrec_agents.llm.backends.quiet import quiet
from ilrec_gym.errors import ArtefactError, UsageError, unknown_name


@lru_cache(maxsize=1)
def hardware_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 itself (AMX, AVX-512 BF16); where it is emulated, float32 is faster."""
    if platform.machine() not in {"x86_64", "AMD64"}:
        return False
    try:
        about = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "amx_bf16" in about or "avx512_bf16" in about


def device_of(name: str) -> torch.device:
    """The device of a name; "auto" takes a GPU where there is one.

    Raises:
        UsageError: No such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError('device must be "auto", "cpu" or "cuda"', received=name) from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError("device must be one that torch finds here", received=name, cause="no GPU, or torch for CPU")
    return device


def dtype_of(name: str, device: torch.device) -> torch.dtype:
    """The number format of a name.

    Raises:
        UnknownNameError: No such format.
    """
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" or hardware_bfloat16() else torch.float32
    if name not in DTYPES:
        raise unknown_name("dtype", name, DTYPES)
    made: torch.dtype = getattr(torch, name)
    return made


def loaded(folder: Path, dtype: torch.dtype, trust: bool, **more: Any) -> tuple[Any, Any]:
    """Model and tokenizer of a folder.

    Args:
        folder: As ``save_pretrained`` writes it.
        dtype: Number format.
        trust: Whether its own Python code may run.
        **more: For ``from_pretrained`` of the model.

    Raises:
        ArtefactError: transformers cannot load it.
    """
    try:
        with quiet():
            model = AutoModelForCausalLM.from_pretrained(
                folder, dtype=dtype, local_files_only=True, trust_remote_code=trust, **more
            )
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=trust)
    except Exception as error:  # damaged files make the readers raise many kinds
        raise ArtefactError(
            f"{folder} must be a causal language model that transformers can load",
            received=f"{type(error).__name__}: {error}",
            cause="a damaged file, an unknown architecture, or one that needs trust_remote_code=True",
            fix="fetch or save the model again",
        ) from error
    return model, tokenizer


def ending(model: Any, tokenizer: Any) -> int:
    """The token that ends a text: the tokenizer's, the one at which ``generate`` of the model stops, or padding.

    Raises:
        UsageError: There is none of these.
    """
    stops = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    stops = stops if isinstance(stops, list) else [stops]
    for token in (tokenizer.eos_token_id, *stops, tokenizer.pad_token_id):
        if token is not None:
            return int(token)
    raise UsageError(
        "a model must have a token that ends a text",
        received=str(getattr(tokenizer, "name_or_path", "")),
        cause="a tokenizer without eos_token and pad_token, and no eos_token_id in generation_config.json",
        fix='tokenizer.add_special_tokens({"eos_token": ...}), then tokenizer.save_pretrained(folder)',
    )
