"""One environment whose sessions end both ways, agents for it, and a journal and a dataset made once."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

import ilrec_gym  # noqa: F401  registers the environments
from ilrec_agents import Agent, make_agent
from ilrec_agents.offline.dataset import SessionDataset
from ilrec_demos.collect import collect
from ilrec_demos.export import export
from ilrec_demos.journal import Journal
from ilrec_demos.replay import replay

ENV_ID = "ilrec/MovieLens-Candidates-v0"
MAX_STEPS = 42  # about the median length, so that some viewers leave and some sessions are cut
SESSIONS, BATCH = 20, 8


@pytest.fixture(scope="session")
def env() -> gym.Env[Any, Any]:
    return gym.make(ENV_ID, max_steps=MAX_STEPS)


@pytest.fixture(scope="session")
def agent(env: gym.Env[Any, Any]) -> Agent:
    return make_agent("logging", env)


@pytest.fixture(scope="session")
def journal(env: gym.Env[Any, Any], agent: Agent, tmp_path_factory: pytest.TempPathFactory) -> Journal:
    """A finished one. Tests that change it work on a copy."""
    return collect(agent, env, tmp_path_factory.mktemp("journal") / "log", sessions=SESSIONS, batch_size=BATCH)


@pytest.fixture(scope="session")
def dataset(journal: Journal, env: gym.Env[Any, Any]) -> SessionDataset:
    return replay(journal, env)


@pytest.fixture
def full_disk() -> Callable[[int], AbstractContextManager[None]]:
    """A context in which no file can grow past so many bytes, as on a disk that is full."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited


@pytest.fixture
def folder(journal: Journal, tmp_path: Path) -> Path:
    """A copy of the finished journal without its card, to be damaged."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("journal.json", "sessions.jsonl"):
        (copy / name).write_bytes((journal.path / name).read_bytes())
    return copy


@pytest.fixture(scope="session")
def exported(journal: Journal, env: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("exported")
    return {
        "d3rlpy": export(journal, root / "h5" / "set.h5", env, transcript=2)[1],
        "minari": export(journal, root / "minari", env, transcript=2, form="minari")[1],
        "jsonl": export(journal, root / "jsonl", env, transcript=2, form="jsonl")[1],
    }


@pytest.fixture
def copied(exported: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """A function that gives a copy of the dataset of a form, to be damaged."""

    def copy(form: str) -> Path:
        if form == "d3rlpy":
            shutil.copytree(exported[form].parent, tmp_path / "h5")
            return tmp_path / "h5" / "set.h5"
        return Path(shutil.copytree(exported[form], tmp_path / form))

    return copy


@pytest.fixture
def whole(journal: Journal, tmp_path: Path) -> Path:
    """A copy of the finished journal with its card."""
    return Path(shutil.copytree(journal.path, tmp_path / "journal"))
