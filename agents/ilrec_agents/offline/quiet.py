"""The one door to d3rlpy: its import prints old gym's notice and every call logs to stdout; both stay outside."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from types import ModuleType

from ilrec_gym.errors import require


def import_d3rlpy() -> ModuleType:
    """Import d3rlpy without a word on stdout or stderr, and let it log nothing below a warning.

    Where the program has imported d3rlpy by itself, its settings are left as they are.

    Raises:
        MissingExtraError: The extra "offline" is not installed.
    """
    if "d3rlpy" in sys.modules:
        return sys.modules["d3rlpy"]
    with contextlib.redirect_stderr(io.StringIO()):
        d3rlpy = require("d3rlpy", "offline")
    structlog = d3rlpy.logging.logger.structlog
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    return d3rlpy
