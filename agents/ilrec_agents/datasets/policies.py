"""Behaviour policies: registered agents, and learners that are stopped on the way and draw from their softmax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym

from ilrec_agents.base import Agent
from ilrec_agents.registry import agent_class, load_agent, make_agent
from ilrec_agents.softened import softened
from ilrec_agents.task import Task
from ilrec_gym.cards import is_current, write_card
from ilrec_gym.files import sha256

KIND = "agent"


@dataclass(frozen=True)
class Training:
    """A learner that is stopped on the way.

    Attributes:
        agent: Name in the registry; it learns from an environment.
        settings: Its settings, where they are not the defaults.
        seed: Its seed.
        folder: Where its states are kept, in a folder each.
    """

    agent: str
    settings: Mapping[str, Any]
    seed: int
    folder: Path

    def at(self, env: gym.Env[Any, Any], share: float) -> Agent:
        """The policy after that share of the training; ``train`` has made it."""
        learned = load_agent(self._place(share), env, device="cpu")
        return softened(learned, temperature=1.0)

    def train(self, env: gym.Env[Any, Any], shares: Sequence[float]) -> None:
        """Train once through and keep the states after these shares, unless they are there and unchanged."""
        if all(self._current(env, share) for share in shares):
            return
        agent, due = make_agent(self.agent, env, seed=self.seed, device="cpu", **self.settings), sorted(shares)
        total = int(agent.config.total_timesteps)

        def keep(agent: Agent, done: int) -> None:
            while due and done >= due[0] * total:
                self._save(agent, env, due.pop(0))

        agent.fit(env, watch=keep)

    def config(self) -> dict[str, Any]:
        """All settings of the learner."""
        return asdict(agent_class(self.agent).Config(**self.settings))

    def checksums(self, share: float) -> dict[str, str]:
        """SHA-256 of the files of the state after that share."""
        return {
            path.name: sha256(path) for path in sorted(self._place(share).iterdir()) if path.suffix == ".safetensors"
        }

    def _place(self, share: float) -> Path:
        return self.folder / f"{self.agent}-{100 * share:.0f}"

    def _save(self, agent: Agent, env: gym.Env[Any, Any], share: float) -> None:
        agent.save(self._place(share))
        write_card(
            self._place(share) / "agent.json", kind=KIND, parameters=self._parameters(env, share), seed=self.seed
        )

    def _current(self, env: gym.Env[Any, Any], share: float) -> bool:
        card = self._place(share) / "agent.json"
        return is_current(card, kind=KIND, parameters=self._parameters(env, share), seed=self.seed)

    def _parameters(self, env: gym.Env[Any, Any], share: float) -> dict[str, Any]:
        return {
            "agent": self.agent, "config": self.config(), "trained": share, "task": Task.of(env).fingerprint,
        }  # fmt: skip
