"""The Hugging Face hub, asked in a way that costs seconds at most where it cannot be reached."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path

from ilrec_agents.llm.models.folders import MODEL_FILES
from ilrec_gym.errors import StorageError, require

SECONDS = 5.0
"""A hub that does not answer costs this long, once."""


def offline() -> bool:
    """Whether the environment forbids calls to the hub."""
    flags = (os.environ.get(flag, "") for flag in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))
    return any(flag.upper() in {"1", "ON", "YES", "TRUE"} for flag in flags)


def from_hub(repository: str) -> Path:
    """The folder of a repository in the hub's own cache, downloaded if need be.

    Raises:
        StorageError: It is not there and cannot be fetched.
    """
    hub = require("huggingface_hub", "llm")
    reachable = not offline() and _answers(repository)
    try:
        return Path(
            hub.snapshot_download(
                repository, allow_patterns=list(MODEL_FILES), local_files_only=not reachable, etag_timeout=SECONDS
            )
        )
    except OSError as error:
        raise StorageError(
            f"the model {repository} must be in the local hub cache, or the hub must be reachable",
            received=f"{type(error).__name__}: {error}",
            cause="HF_HUB_OFFLINE is set" if offline() else "no network, or no such repository",
            fix="check the name and the network, or give the path of a model folder",
        ) from error


def _answers(repository: str) -> bool:
    """One short request, so that a silent network costs seconds and not the hub client's many retries."""
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    try:
        with urllib.request.urlopen(f"{endpoint}/api/models/{repository}", timeout=SECONDS):
            return True
    except urllib.error.HTTPError as error:
        return error.code in {401, 403}  # it is there; the client knows how to sign in
    except (OSError, ValueError):
        return False
