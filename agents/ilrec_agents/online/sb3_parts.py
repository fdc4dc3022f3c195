"""The project's networks as a policy of stable-baselines3. Import after ``quiet.import_sb3``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor, nn
from tqdm import tqdm

from ilrec_agents.learning import Watched
from ilrec_agents.networks import Standardise, mlp
from ilrec_agents.online.ledger import Ledger, masked, nameless
from ilrec_agents.task import Task


class ActorCritic(nn.Module):
    """Two networks on the same observation, in the place of SB3's extractor.

    Args:
        actor: Observations ``(B, d)`` to logits ``(B, n_actions)``.
        critic: Observations ``(B, d)`` to values ``(B, 1)``.
    """

    def __init__(self, actor: nn.Module, critic: nn.Module) -> None:
        super().__init__()
        self.actor, self.critic = actor, critic

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and values."""
        return self.forward_actor(x), self.forward_critic(x)

    def forward_actor(self, x: Tensor) -> Tensor:
        """Logits."""
        logits: Tensor = self.actor(x)
        return logits

    def forward_critic(self, x: Tensor) -> Tensor:
        """Values."""
        values: Tensor = self.critic(x)
        return values


def actor_critic(
    task: Task, actor: nn.Module, hidden: int, observations: NDArray[np.float32], ledger: Ledger | None
) -> ActorCritic:
    """An actor and a fresh critic; its scaling is fitted on observations ``(N, d)``."""
    critic = nn.Sequential(Standardise(observations, task.layout), mlp(task.layout.size, hidden, 1))
    return ActorCritic(masked(actor, ledger), nameless(critic, ledger))


class WithScores:
    """Mixed into an actor-critic policy: two given networks, without SB3's linear layers behind them.

    Args:
        networks: Makes both, with fresh weights.
        arguments: As SB3's.
    """

    def __init__(self, *arguments: Any, networks: Callable[[], nn.Module], **options: Any) -> None:
        self._networks = networks
        super().__init__(*arguments, **options)

    def _build(self, lr_schedule: Callable[[float], float]) -> None:
        policy: Any = self  # SB3 declares narrower types than it needs
        policy.mlp_extractor = self._networks()
        policy.action_net, policy.value_net = nn.Identity(), nn.Identity()
        policy.optimizer = policy.optimizer_class(policy.parameters(), lr=lr_schedule(1), **policy.optimizer_kwargs)


class ScoresPolicy(WithScores, ActorCriticPolicy):
    """pi(. | x) = softmax(actor(x)), V(x) = critic(x)."""


class Curve(BaseCallback):
    """Moves a progress bar, notes the sessions that ended, and lets somebody look on while learning goes on.

    The last look is left to who learns: SB3 updates the policy once more after the last step.

    Args:
        bar: The progress bar.
        watched: Says when somebody looks on.
        every: Decisions between two notes, at least; notes are made between rounds of play.
        look: Makes the agent ready to act for whoever looks on.

    Attributes:
        history: ``timesteps``, ``sessions`` since the last note, and mean ``return`` and ``length`` of those sessions.
    """

    def __init__(self, bar: tqdm[Any], watched: Watched, every: int, look: Callable[[], None]) -> None:
        super().__init__()
        self.bar, self.watched, self.every, self.look = bar, watched, every, look
        self.history = list[dict[str, float]]()
        self._ended: list[dict[str, float]] = []

    def _on_step(self) -> bool:
        infos = self.locals["infos"]
        self._ended += [infos[row]["episode"] for row in np.flatnonzero(self.locals["dones"])]
        self.bar.update(len(infos))
        if self.num_timesteps < self.bar.total and self.watched.due(self.num_timesteps):
            self.look()
            self.watched.show(self.num_timesteps)
        return True

    def _on_rollout_end(self) -> None:
        noted = self.history[-1]["timesteps"] if self.history else 0
        if self.num_timesteps - noted >= self.every:
            self._note()

    def _on_training_end(self) -> None:
        self._note()

    def _note(self) -> None:
        if not self._ended:
            return
        means = {name: float(np.mean([session[key] for session in self._ended])) for name, key in _MEANS.items()}
        self.history.append({"timesteps": self.num_timesteps, "sessions": len(self._ended)} | means)
        self.bar.set_postfix({"return": f"{means['return']:.1f}"})
        self._ended = []


_MEANS = {"return": "r", "length": "l"}
