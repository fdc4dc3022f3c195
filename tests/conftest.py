"""What all tests share: golden values, the markers' conditions, and a Hypothesis profile."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

GOLDEN = Path(__file__).parent / "golden"

# Timing differs between machines; the examples need not.
settings.register_profile("ilrec", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ilrec")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine has not got, and say what would bring it."""
    if item.get_closest_marker("ml1m") and not _ml1m().is_file():
        pytest.skip("set ILREC_DATA to a folder that holds ml-1m.zip")
    if item.get_closest_marker("owndata") and not (_ml1m().parent / "steam").is_dir():
        pytest.skip("set ILREC_DATA to a folder that holds amazon-book/ and steam/")
    if item.get_closest_marker("browser") and shutil.which("chromium") is None:
        pytest.skip("install Chromium")


@pytest.fixture(scope="session")
def golden() -> Callable[[str], Any]:
    """A function that reads ``tests/golden/NAME.json``."""

    def read(name: str) -> Any:
        return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))

    return read


@pytest.fixture(scope="session")
def ml1m_zip() -> Path:
    """The archive of MovieLens-1M; for tests marked ``ml1m``."""
    return _ml1m()


def _ml1m() -> Path:
    return Path(os.environ.get("ILREC_DATA", "")) / "ml-1m.zip"
