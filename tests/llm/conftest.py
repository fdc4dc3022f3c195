"""The tiny model that comes with the package, sessions for it to play, and teachers over it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from tiny_teachers import OFFERED, SMALL, STEPS

import ilrec_gym  # noqa: F401  registers the environments
from ilrec_agents import make_agent
from ilrec_agents.task import Task

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
pytest.importorskip("transformers")

INFO = ("action_mask", "history")


@pytest.fixture(scope="session")
def env():
    """Twenty films on offer, with the history in the infos."""
    return gym.make("ilrec/MovieLens-Candidates-v0", info=INFO, max_steps=12)


@pytest.fixture(scope="session")
def task(env):
    return Task.of(env)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory, task) -> Path:
    """A folder with the model."""
    from ilrec_agents.llm.models.tiny import tiny_model

    return tiny_model(tmp_path_factory.mktemp("models") / "tiny", task.catalogue.titles)


@pytest.fixture(scope="session")
def backend(tiny_model):
    from ilrec_agents.llm.backends.transformers_backend import TransformersBackend

    return TransformersBackend(str(tiny_model), dtype="float32", device="cpu")


@pytest.fixture
def with_titles(task):
    """A function that gives the task with some titles replaced."""

    def replaced(titles):
        own = list(task.catalogue.titles)
        for item, title in titles.items():
            own[item] = title
        return replace(task, catalogue=replace(task.catalogue, titles=tuple(own)))

    return replaced


@pytest.fixture
def started(env):
    """A function that starts n sessions and plays a few steps: (sessions, observations, infos)."""

    def start(n, steps=0):
        sessions = env.unwrapped.batch(n, INFO)
        observations, infos = sessions.reset(env.unwrapped.users[:n], seeds=np.arange(n))
        for step in range(steps):
            observations, *_, infos = sessions.step((np.arange(n) * 7 + step) % 20)
        return sessions, observations, infos

    return start


@pytest.fixture
def breaks(monkeypatch):
    """Makes a model break off; set the one entry of the list to how many passes from now."""

    def made(backend):
        forward, left = backend.forward, [10**9]

        def failing(*args):
            left[0], hidden = left[0] - 1, forward(*args)
            if not left[0]:
                raise KeyboardInterrupt
            return hidden

        monkeypatch.setattr(backend, "forward", failing)
        return left

    return made


@pytest.fixture(scope="session")
def model(tmp_path_factory, task) -> str:
    """The tiny model's folder, with room for the rules."""
    from ilrec_agents.llm.models.tiny import tiny_model

    folder = tmp_path_factory.mktemp("roomy") / "model"
    return str(tiny_model(folder, task.catalogue.titles, max_position_embeddings=4096))


@pytest.fixture(scope="session")
def train_env():
    return gym.make(OFFERED, max_steps=STEPS)


@pytest.fixture(scope="session")
def test_env():
    return gym.make(OFFERED, max_steps=STEPS, split="test")


@pytest.fixture(scope="session")
def teacher(model, train_env):
    """A function that makes an agent, ready to act. Those without settings of their own are made once."""
    kept = {}

    def made(name, env=train_env, **config):
        def new():
            agent = make_agent(name, env, device="cpu", **{"model": model} | SMALL | config)
            return agent.fit(env) if agent.learns_from == "env" else agent

        if config or env is not train_env:
            return new()
        kept.setdefault(name, None)
        kept[name] = kept[name] or new()
        return kept[name]

    return made
