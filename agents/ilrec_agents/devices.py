"""Where learning runs, and under which seed and number of threads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ilrec_gym.errors import UsageError, require

_NAMES = re.compile(r"cpu|cuda(:[0-9]{1,2})?")


def torch_device(name: str, extra: str = "offline") -> Any:
    """The torch device of a name.

    Args:
        name: "auto" (a GPU where there is one), "cpu", "cuda", "cuda:1".
        extra: The pip extra that brings torch.

    Raises:
        UsageError: No such device, or no GPU here.
        MissingExtraError: torch is not installed.
    """
    torch = require("torch", extra)
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not isinstance(name, str) or not _NAMES.fullmatch(name):
        raise UsageError(
            'device must be "auto", "cpu", "cuda" or "cuda:1"',
            received=name,
            cause="a slip, or a kind of device that nothing here was tried on",
            fix='use device="auto" or device="cpu"',
        )
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(
            "a device must be there",
            received=name,
            cause="no such GPU, or a torch that was built without CUDA",
            fix='use device="auto" or device="cpu"',
        )
    return device


@contextmanager
def reproducible(seed: int, threads: int, extra: str = "offline") -> Iterator[None]:
    """Seed torch and set its number of CPU threads; both are as before when the block ends."""
    torch = require("torch", extra)
    before = torch.get_num_threads()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
