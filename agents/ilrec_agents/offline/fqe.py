"""Fitted Q evaluation: the values of a given policy, learned from the sessions of another one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import trange

from ilrec_agents.checks import number, whole
from ilrec_agents.devices import reproducible, torch_device
from ilrec_agents.learning import LearningConfig
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_agents.offline.quiet import import_d3rlpy
from ilrec_agents.offline.to_go import returns_to_go
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError

if TYPE_CHECKING:
    from ilrec_agents.offline.fqe_parts import ExpectedFQE


@dataclass(frozen=True)
class FQEConfig(LearningConfig):
    """Settings of fitted Q evaluation, besides those of every network.

    Attributes:
        start_updates: Gradient steps towards the returns that were logged, before the first iteration: values of the
            logging policy are a better start than none.
        iterations: At most. Each carries values one step further back, so no more are made than the longest session has
            steps; with fewer, what comes later still is valued as the logging policy got it.
        iteration_updates: Gradient steps per iteration.
        batch_size: Transitions per step, drawn uniformly with replacement.
        learning_rate: Of Adam.
    """

    start_updates: int = 400
    iterations: int = 40
    iteration_updates: int = 40
    batch_size: int = 128
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, "start_updates", least=0)
        whole(self, "iterations", "iteration_updates", "batch_size")
        number(self, "learning_rate", open_low=True)


@dataclass(frozen=True, eq=False)
class FittedQ:
    """The values of a policy, in units of reward.

    Attributes:
        network: Observations ``(B, d)`` to scores ``(B, n_actions)``.
        scale: Reward units per unit of score.
        history: Mean loss of each iteration, in units of score squared.
    """

    network: Any
    scale: float
    history: list[float]

    def __call__(self, observations: NDArray[np.float32]) -> NDArray[np.float64]:
        """Q ``(B, n_actions)``."""
        torch = import_torch()
        device = next(self.network.parameters()).device
        with torch.inference_mode():
            rows = np.array_split(np.ascontiguousarray(observations, np.float32), len(observations) // 8192 + 1)
            scores = [self.network(torch.from_numpy(part).to(device)).cpu().numpy() for part in rows]
        return np.concatenate(scores).astype(np.float64) * self.scale


def fit_q(
    dataset: SessionDataset,
    probabilities: NDArray[np.floating],
    task: Task,
    *,
    horizon: int,
    gamma: float = 1.0,
    config: FQEConfig | None = None,
    seed: int = 0,
    device: str = "auto",
) -> FittedQ:
    """Fit Q(s, a) = E[r + gamma sum_b pi(b | s') Q(s', b)] up to a horizon (Le et al., ICML 2019).

    The expectation is over all actions of the target. d3rlpy's own ``DiscreteFQE`` takes the target's best action alone
    and a loss that tends to the median where values are large, so both are replaced here; the rest of it serves.
    Nothing comes after the horizon, nor after a session that reached the environment's own: the steps so far are a
    part of the observation, so that Q can tell how much is left.

    Args:
        dataset: Sessions of any policy.
        probabilities: ``(N, n_actions)`` of the target at every step, in the order of ``dataset.transitions()``.
        task: Of the environment.
        horizon: Steps that count.
        gamma: Discount per step.
        config: Settings.
        seed: Of weights and batches.
        device: "auto", "cpu" or "cuda".

    Raises:
        UsageError: Sessions that were cut before the horizon, a loss that is not finite, or no such device.
        MissingExtraError: The extra "offline" is not installed.
    """
    config = config or FQEConfig()
    _check_ends(dataset, min(horizon, task.description["max_steps"]))
    short = first_steps(dataset, horizon)
    kept = np.concatenate([np.arange(n) < horizon for n in dataset.lengths])
    to_go = returns_to_go(short, short.transitions().rewards, gamma)
    scale = float(to_go.std()) or 1.0
    place = torch_device(device)
    import_d3rlpy()
    from ilrec_agents.offline.fqe_parts import ExpectedFQE

    with reproducible(seed, config.threads):
        fqe = ExpectedFQE(
            short,
            following(short, np.asarray(probabilities)[kept]),
            to_go / scale,
            scale,
            task,
            gamma,
            config,
            place,
            seed,
        )
        history = _fitted(fqe, config, iterations=min(config.iterations, int(short.lengths.max())))
    if not np.isfinite(history[-1]):
        raise UsageError(
            "the loss must stay finite", received=history[-1], cause="a learning rate that is too high",
            fix="lower learning_rate",
        )  # fmt: skip
    return FittedQ(fqe.network.eval().requires_grad_(False), scale, history)


def _fitted(fqe: ExpectedFQE, config: FQEConfig, iterations: int) -> list[float]:
    history = [np.mean([fqe.start() for _ in range(config.start_updates)])] if config.start_updates else []
    for _ in trange(iterations, desc="fitting Q", unit="iteration", disable=None, leave=False):
        fqe.sync()
        history.append(np.mean([fqe.update() for _ in range(config.iteration_updates)]))
    return [float(loss) for loss in history]


def _check_ends(dataset: SessionDataset, horizon: int) -> None:
    """Refuse sessions that break off: what would have followed them is not nothing."""
    cut = sum(not episode.terminated and len(episode) < horizon for episode in dataset.episodes)
    if cut:
        raise UsageError(
            f"sessions must go on until the viewer leaves, or for {horizon} steps",
            received=f"{cut} of {len(dataset)} break off before",
            cause="sessions of a real log, which may end where the log does",
            fix="ask for a nearer horizon, or take sessions that were played",
        )


def first_steps(dataset: SessionDataset, horizon: int) -> SessionDataset:
    """The sessions up to a horizon, behind which nothing counts: all of them end there for good."""
    return replace(dataset, episodes=tuple(
        replace(
            e, observations=e.observations[: horizon + 1], actions=e.actions[:horizon], rewards=e.rewards[:horizon],
            terminated=True, extras={},
        )
        for e in dataset.episodes
    ))  # fmt: skip


def following(dataset: SessionDataset, probabilities: NDArray[np.floating]) -> NDArray[np.float32]:
    """``(N, n_actions)`` the target's probabilities one step on; 0 after the last one."""
    shifted = np.zeros(probabilities.shape, np.float32)
    shifted[:-1] = probabilities[1:]
    shifted[np.cumsum(dataset.lengths) - 1] = 0.0
    return shifted


def import_torch() -> Any:
    """Torch, late."""
    import torch

    return torch
