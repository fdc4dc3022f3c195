"""Weights of torch modules as safetensors: nothing in them can run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ilrec_gym.errors import ArtefactError, require


def save_weights(module: Any, path: Path) -> None:
    """Write a module's parameters and buffers."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    require("safetensors.torch", "offline").save_file(tensors, str(path))


def load_weights(module: Any, path: Path) -> None:
    """Read into a module of the same shape what :func:`save_weights` wrote.

    Raises:
        ArtefactError: The file is missing, damaged, or of another network.
    """
    try:
        tensors = require("safetensors.torch", "offline").load_file(str(path))
    except FileNotFoundError as error:
        raise ArtefactError(f"the file {path} must exist", cause="a folder that was not copied whole") from error
    except Exception as error:  # safetensors has its own kinds, which differ between its versions
        raise ArtefactError(
            f"{path} must be a readable safetensors file",
            received=str(error),
            cause="a damaged or foreign file",
            fix="train again, or restore the file",
        ) from error
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        raise ArtefactError(
            f"{path} must fit the network that its folder describes",
            received=str(error),
            cause="weights of another agent or of other settings",
        ) from error
