"""How much memory one run takes, in a process that may have made others before."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

_PROCESS = Path("/proc/self")
_RESET = "5"  # sets the kernel's high-water mark back to what the process holds now; Linux, proc(5)


class Memory:
    """Peak memory from the moment this is made.

    What earlier runs of the process left behind is given back first, as far as the C library does so. Where the system
    keeps no high-water mark that can be set back, nothing is known, and nothing is said.
    """

    def __init__(self) -> None:
        gc.collect()
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        self._before: float | None = None
        with suppress(OSError):
            (_PROCESS / "clear_refs").write_text(_RESET)
            self._before = _megabytes("VmRSS")
        if (cuda := _cuda()) is not None:
            cuda.reset_peak_memory_stats()

    def facts(self) -> dict[str, int]:
        """What the run took, as far as it is known.

        Returns:
            ``peak_mb``: the most that the process held at once. ``added_mb``: that, less what it held at the start.
            ``peak_gpu_mb``: the most that tensors took of the GPU.
        """
        found = {}
        if self._before is not None:
            peak = _megabytes("VmHWM")
            found = {"peak_mb": round(peak), "added_mb": round(peak - self._before)}
        if (cuda := _cuda()) is not None:
            found["peak_gpu_mb"] = round(cuda.max_memory_allocated() / 2**20)
        return found


def _megabytes(name: str) -> float:
    """A line of the kernel's account of this process, e.g. ``VmHWM:  123456 kB``."""
    for line in (_PROCESS / "status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"no {name}")


def _cuda() -> Any:
    """The GPU side of torch, where torch is loaded and has used a GPU; else None."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None
