"""Demonstrations: sessions collected from any agent, their journal, and what is exported from it.

``ilrec_demos.load("demonstrations.h5")`` gives a d3rlpy ``ReplayBuffer``.
"""

from __future__ import annotations

import os
from typing import Any

from ilrec_demos.journal import Journal, Session, Step

__all__ = ["Journal", "Session", "Step", "load"]


def load(path: str | os.PathLike[str]) -> Any:
    """An exported dataset as d3rlpy ``ReplayBuffer``, with the right action space and size.

    Raises:
        ArtefactError: The file or its card is missing, damaged, or of another kind.
        MissingExtraError: The extra "offline" is not installed.
    """
    from ilrec_agents.offline.dataset import load

    return load(path)
