"""Where arrays live: NumPy on the host, or torch on a device. The kernel itself is written against the array API."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from importlib import import_module
from typing import Any, TypeVar

import numpy as np
from array_api_compat import is_torch_array

from ilrec_gym.errors import UsageError, require

T = TypeVar("T")


@dataclass(frozen=True)
class Backend:
    """An array library and a device.

    Attributes:
        library: ``"numpy"`` or ``"torch"``.
        device: ``"cpu"``, or a device of torch such as ``"cuda"`` or ``"cuda:1"``.
    """

    library: str = "numpy"
    device: str = "cpu"

    @property
    def xp(self) -> Any:
        """The array API namespace."""
        return import_module(f"array_api_compat.{self.library}")

    @property
    def on_host(self) -> bool:
        """Whether values can be looked at without waiting for a device."""
        return self.library == "numpy"

    def array(self, values: Any, dtype: str | None = None) -> Any:
        """A copy of ``values`` here."""
        if self.on_host:
            return np.array(values, dtype)
        xp = self.xp
        values = values if is_torch_array(values) else np.asarray(values)
        return xp.asarray(values, dtype=dtype and getattr(xp, dtype), device=self.device, copy=True)

    def full(self, shape: int | tuple[int, ...], value: Any, dtype: str) -> Any:
        """An array of one value."""
        return self.xp.full(shape, value, dtype=getattr(self.xp, dtype), device=self.device)

    def move(self, record: T) -> T:
        """A dataclass with its arrays, and those of the dataclasses in it, here."""
        if self.on_host or not is_dataclass(record) or isinstance(record, type):
            return record
        return replace(record, **{f.name: self._moved(getattr(record, f.name)) for f in fields(record) if f.init})

    def _moved(self, value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            return self.array(value)
        return self.move(value)


HOST = Backend()


def backend_of(device: str | None) -> Backend:
    """NumPy if None, torch on that device otherwise.

    Raises:
        MissingExtraError: torch is not installed.
        UsageError: torch has no such device here.
    """
    if device is None:
        return HOST
    torch: Any = require("torch", "online")
    try:
        return Backend("torch", str(torch.zeros(0, device=device).device))
    except (RuntimeError, AssertionError) as error:
        raise UsageError(
            "device must be one that torch has here",
            received=device,
            cause=str(error).splitlines()[0],
            fix='take device="cpu", or None for NumPy',
        ) from error


def backend_like(array: Any) -> Backend:
    """Where an array lives."""
    return Backend("torch", str(array.device)) if is_torch_array(array) else HOST


def rows_where(mask: Any) -> Any:
    """``(R,)`` indices of the True places of a ``(B,)`` mask."""
    return np.flatnonzero(mask) if isinstance(mask, np.ndarray) else mask.nonzero()[:, 0]


def copied(array: Any) -> Any:
    """A copy, on the same device."""
    return array.copy() if isinstance(array, np.ndarray) else array.clone()


def to_host(array: Any) -> np.ndarray[Any, Any]:
    """As a NumPy array, wherever it was."""
    return array if isinstance(array, np.ndarray) else array.cpu().numpy()
