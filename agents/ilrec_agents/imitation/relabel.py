"""Relabelling: the same sessions with the rewards of a reward model, and the controls that show what it is worth.

Controls, because in these sessions length and return go together (correlation .999), so that any reward which pays for
staying looks good:

* shuffled: the learned rewards, dealt out anew over all transitions. The same numbers, without what was learned.
* constant: the same for every step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.imitation.reward_model import RewardModel
from ilrec_agents.offline.belonging import check_datasets
from ilrec_agents.offline.episodes import SessionDataset
from ilrec_gym.errors import UsageError


def relabel(dataset: SessionDataset, reward_model: RewardModel, *, unit: bool = True) -> SessionDataset:
    """The dataset with the model's rewards.

    Args:
        dataset: Sessions of the environment that the model was made for.
        reward_model: A fitted reward model.
        unit: Whether rewards are divided by their standard deviation over the dataset, so that models of any scale can
            be compared. Nothing is added: zero stays zero, and a reward that is positive everywhere stays so.
            Rewards that are all equal are left as they are.

    Raises:
        UsageError: A dataset of another environment, or rewards that are not finite.
    """
    check_datasets(reward_model.task, dataset=dataset)
    steps = dataset.transitions()
    rewards = np.asarray(
        reward_model(steps.observations, steps.actions, steps.next_observations, steps.terminals), np.float64
    )
    if rewards.shape != steps.rewards.shape or not np.isfinite(rewards).all():
        raise UsageError(
            f"a reward model must give {len(steps)} finite rewards",
            received=f"{rewards.shape}, {rewards[:3]} ...",
            cause="a model that diverged",
            fix="fit it again with a lower learning_rate",
        )
    std = rewards.std()
    return dataset.with_rewards(rewards / std if unit and std > 1e-8 else rewards)


def shuffled(dataset: SessionDataset, rng: np.random.Generator) -> SessionDataset:
    """The dataset with its rewards dealt out anew over all transitions."""
    return dataset.with_rewards(rng.permutation(_rewards(dataset)))


def constant(dataset: SessionDataset, value: float = 1.0) -> SessionDataset:
    """The dataset with the same reward for every step."""
    if not np.isfinite(value):
        raise UsageError("a constant reward must be finite", received=value)
    return dataset.with_rewards(np.full(dataset.n_transitions, value))


def _rewards(dataset: SessionDataset) -> NDArray[np.float32]:
    return dataset.transitions().rewards
