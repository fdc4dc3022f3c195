"""Every registered agent keeps the contract. Those that learn get a taste only: what they learn is tested elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from ilrec_agents import load_agent, make_agent
from ilrec_agents.registry import AGENTS, agent_class
from ilrec_gym.testing.agents import AgentContract

_TASTE_OF_PPO = {"total_timesteps": 128, "n_envs": 8, "n_steps": 16, "batch_size": 64, "n_epochs": 2, "hidden": 8}
TASTE: dict[str, dict[str, Any]] = {
    "bc": {"updates": 20, "hidden": 8},
    "cql": {"updates": 20, "hidden": 8},
    "nfq": {"updates": 20, "hidden": 8},
    "offline_dqn": {"updates": 20, "hidden": 8},
    "ddqn": {"updates": 20, "hidden": 8},
    "bcq": {"updates": 20, "hidden": 8},
    "sac": {"updates": 20, "hidden": 8},
    "sqn": {"updates": 20, "hidden": 8},
    "ips": {"updates": 20, "hidden": 8},
    "dt": {"updates": 10, "hidden": 8, "batch_size": 8, "layers": 1, "context": 3},
    "td3_bc": {"updates": 10, "hidden": 8, "batch_size": 32},
    "iql": {"updates": 10, "hidden": 8, "batch_size": 32},
    "awac": {"updates": 10, "hidden": 8, "batch_size": 32},
    "crr": {"updates": 10, "hidden": 8, "batch_size": 32},
    "continuous_cql": {"updates": 10, "hidden": 8, "batch_size": 32},
    "lcb": {"updates": 3},
    "linucb": {"total_timesteps": 100, "n_envs": 8},
    "thompson": {"total_timesteps": 100, "n_envs": 8},
    "factor_ucb": {"total_timesteps": 100, "n_envs": 8},
    "ppo": _TASTE_OF_PPO,
    "mopo": _TASTE_OF_PPO | {"members": 2, "world_updates": 20},
    "dorl": _TASTE_OF_PPO | {"members": 2, "world_updates": 20},
    "maskable_ppo": _TASTE_OF_PPO,
    "recurrent_ppo": _TASTE_OF_PPO,
    "a2c": {"total_timesteps": 128, "n_envs": 8, "hidden": 8},
    "dqn": {"total_timesteps": 256, "n_envs": 8, "hidden": 8, "learning_starts": 128, "batch_size": 16},
    "qrdqn": {
        "total_timesteps": 256,
        "n_envs": 8,
        "hidden": 8,
        "learning_starts": 128,
        "batch_size": 16,
        "n_quantiles": 3,
    },
}
_TASTE_OF_TEACHERS = {"liked": 3, "max_thought_tokens": 4, "max_plan_tokens": 4, "max_reflection_tokens": 4}
_TASTE_OF_TEACHERS |= {"encoder": "model", "dtype": "float32", "training_sessions": 1, "similarity": 0.0}
_TASTE_OF_TEACHERS |= {"correction": 0.0, "history": 3, "plan_every": 10}
TASTE |= dict.fromkeys(("act_only", "react", "reflexion", "billp"), _TASTE_OF_TEACHERS)
# `llm` has tests of its own.
NAMES = sorted(AGENTS.keys() - {"llm"})


class _Registered(AgentContract):
    name: str

    @pytest.fixture(autouse=True)
    def _given(self, name: str, play: Any, tiny_model: Callable[[], str]) -> None:
        self.name, self.play, self.tiny_model = name, play, tiny_model

    def make(self, env: gym.Env, *, seed: int = 0, **config: Any) -> Any:
        if agent_class(self.name).family == "llm":
            config = {"model": self.tiny_model()} | config
        agent = make_agent(self.name, env, seed=seed, **TASTE.get(self.name, {}) | config)
        if agent.learns_from == "env":
            return agent.fit(env)
        if agent.learns_from == "dataset":
            return agent.fit(self.play("logging", 20, env_id=env.spec.id, max_steps=env.unwrapped.max_steps))
        return agent

    def load(self, path: Path, env: gym.Env) -> Any:
        return load_agent(path, env)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, env: gym.Env) -> Callable[[], str]:
    """A function that gives the folder of a tiny language model with random weights."""

    @cache
    def made() -> str:
        pytest.importorskip("transformers")
        pytest.importorskip("faiss")
        from ilrec_agents.llm.models.tiny import tiny_model

        folder, titles = tmp_path_factory.mktemp("model") / "tiny", env.unwrapped.scenario.catalogue.titles
        return str(tiny_model(folder, titles, max_position_embeddings=4096))

    return made


@pytest.mark.parametrize("name", NAMES)
class TestAmongTheOffered(_Registered):
    env_id = "ilrec/MovieLens-Candidates-v0"


@pytest.mark.parametrize("name", NAMES)
class TestOverTheWholeCatalogue(_Registered):
    env_id = "ilrec/MovieLens-v0"


@pytest.mark.parametrize("name", ["bc", "cql", "dt", "ppo"])
def test_what_has_not_learned_neither_acts_nor_is_saved(name: str, env: gym.Env, tmp_path: Path) -> None:
    from ilrec_gym.errors import UsageError
    from ilrec_gym.testing.agents import begin

    agent = make_agent(name, env)
    _, observations, infos = begin(env, agent)
    with pytest.raises(UsageError, match="must have learned"):
        agent.act(observations, infos)
    with pytest.raises(UsageError, match="must have learned"):
        agent.save(tmp_path / "agent")
    assert not list(tmp_path.iterdir())


def test_every_agent_says_what_it_is() -> None:
    for name in AGENTS:
        cls = agent_class(name)
        assert cls.name == name
        assert cls.family in ("heuristic", "oracle", "bandit", "online", "offline", "model_based", "llm")
        assert cls.learns_from in ("nothing", "env", "dataset")
        assert cls.sees_truth == (cls.family == "oracle")
