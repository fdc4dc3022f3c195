"""What a run prints, and why it failed."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ilrec_gym.errors import ILRecError


def reason(error: Exception) -> str:
    """One line: the rule of our own errors, or what Python says."""
    if isinstance(error, ILRecError):
        return f"{type(error).__name__}: {error}".replace("\n ", ";")
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]


@contextlib.contextmanager
def heard(path: Path) -> Iterator[None]:
    """Keep what a run prints in a file, away from the terminal that other runs share; no file where it is silent."""
    sys.stdout.flush()
    with open(path, "w", encoding="utf-8") as file, contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
        yield
    if not os.path.getsize(path):
        path.unlink()
