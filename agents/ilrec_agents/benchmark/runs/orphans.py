"""Worker processes that end when the process that started them is gone, whatever killed it."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

from ilrec_agents.benchmark.runs.work import Work, do

_SECONDS = 0.5


def do_for(owner: int, work: Work, out: Path) -> dict[str, Any]:
    """Do a piece of work for the process ``owner``.

    Without it this process ends at once, so that nothing is done twice.
    """
    if os.getpid() != owner and not any(thread.name == _NAME for thread in threading.enumerate()):
        threading.Thread(target=_end_with, args=(os.getppid(),), name=_NAME, daemon=True).start()
    return do(work, out)


_NAME = "ilrec-benchmark-owner"


def _end_with(parent: int) -> None:
    """Wait until the parent is gone (somebody else has taken its place then), and end."""
    while os.getppid() == parent:
        time.sleep(_SECONDS)
    os._exit(1)
