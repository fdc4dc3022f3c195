"""Other people's libraries play here; each test file is skipped where its library is not installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

import ilrec_gym  # noqa: F401, registers the environments

WHOLE, OFFERED = "ilrec/MovieLens-v0", "ilrec/MovieLens-Candidates-v0"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks are faster on one thread, and chance is the same in every run."""
    torch = sys.modules.get("torch")  # imported by then where a test needs it
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)
