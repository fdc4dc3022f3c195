"""What a policy would have done at logged steps: the infos that agents need, made again from a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ilrec_agents.base import Agent
from ilrec_agents.offline.belonging import check_datasets
from ilrec_agents.offline.episodes import Episode, SessionDataset
from ilrec_agents.ope.weighted import checked_policy
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError

_TOGETHER = 512  # sessions that are gone through side by side
_MOST = 100_000_000  # probabilities that are kept: 800 MB


class LoggedInfos(dict[str, Any]):
    """Infos of B logged sessions at one step; what the dataset cannot give is refused by name."""

    def __missing__(self, key: str) -> Any:
        needs = {"user_index": "user_id", "user_id": "user_id", "candidates": "candidates"}.get(key)
        raise UsageError(
            "an agent that is evaluated on logged sessions must get by with what the dataset holds",
            received=f"it asks for {key!r}",
            cause=f"the sessions have no extra {needs!r}" if needs else "only the environment knows that",
            fix="make the dataset with `ilrec datasets`, which keeps all extras" if needs else "choose another agent",
        )


def target_probabilities(agent: Agent, dataset: SessionDataset) -> NDArray[np.float64]:
    """How likely the agent would have taken each action at each logged step.

    Sessions are gone through in lock-step, as they are played, so that agents that follow histories can be asked too.
    The mask is made again from what was on offer and what was shown; with the extra ``user_id`` the profile counts.

    Args:
        agent: Who is asked.
        dataset: The sessions; of the task that the agent is made for.

    Returns:
        (N, n_actions) in the order of ``dataset.transitions()``.

    Raises:
        UsageError: Another task, an agent that sees the truth, or one that needs what the dataset cannot give.
    """
    _check(agent, dataset)
    parts = []
    starts = range(0, len(dataset), _TOGETHER)
    for start in tqdm(starts, desc=f"asking {agent.name}", disable=None, leave=False):
        parts += list(_asked(agent, dataset.episodes[start : start + _TOGETHER]))
    return checked_policy(dataset, np.concatenate(parts))


def _asked(agent: Agent, episodes: tuple[Episode, ...]) -> Iterator[NDArray[np.float64]]:
    """Each session's (T, n_actions)."""
    book = _Book(agent.task, episodes)
    found = [np.asarray(agent.probabilities(*book.at(step)), np.float64) for step in range(book.width)]
    table = np.stack(found, axis=1)
    for row, episode in enumerate(episodes):
        yield table[row, : len(episode)]


class _Book:
    """B sessions as arrays that are padded to the longest."""

    def __init__(self, task: Task, episodes: tuple[Episode, ...]) -> None:
        self.task, self.n = task, len(episodes)
        self.lengths = np.array([len(episode) for episode in episodes])
        self.width = int(self.lengths.max())
        steps = int(task.description["max_steps"])
        self.x = np.stack([_padded(e.observations, self.width + 1) for e in episodes])
        self.ratings = np.stack([_filled(e.rewards.astype(np.float64), steps, np.nan) for e in episodes])
        self.items = self.offered = self.users = None
        if all("item_id" in e.extras for e in episodes):
            ids = np.stack([_filled(e.extras["item_id"], steps, -1) for e in episodes])
            self.items = np.where(ids >= 0, task.catalogue.indices_of(np.maximum(ids, task.catalogue.ids.min())), -1)
        if task.n_candidates and all("candidates" in e.extras for e in episodes):
            offered = np.stack([_padded(e.extras["candidates"], self.width) for e in episodes])
            self.offered = task.catalogue.indices_of(offered)
        if all("user_id" in e.extras for e in episodes):
            self.users = np.array([task.users.index_of(int(e.extras["user_id"][0])) for e in episodes])

    def at(self, step: int) -> tuple[NDArray[np.float32], LoggedInfos]:
        """Observations and infos before step ``step``; rows that have ended stay at their last."""
        past = np.arange(self.ratings.shape[1]) < np.minimum(step, self.lengths)[:, None]
        infos = LoggedInfos(
            step=np.minimum(step, self.lengths),
            running=step < self.lengths,
            seed=np.arange(self.n),  # names the sessions apart
            session=np.zeros(self.n, np.int64),
        )
        history = None if self.items is None else np.where(past, self.items, -1)
        if history is not None:
            infos |= {"history_items": history, "history_ratings": np.where(past, self.ratings, np.nan)}
            infos["item_index"] = history[:, step - 1] if step else np.full(self.n, -1)
        if self.users is not None:
            infos |= {"user_index": self.users, "user_id": self.task.users.ids[self.users]}
        if self.offered is not None:
            infos["candidates"] = self.offered[:, step]
        infos["action_mask"] = self._mask(history, step)
        return np.ascontiguousarray(self.x[:, step]), infos

    def _mask(self, history: NDArray[np.int64] | None, step: int) -> NDArray[np.bool_]:
        """(B, n_actions) False for what was shown in the session or stands in the profile, as far as that is known."""
        unseen = np.ones((self.n, len(self.task.catalogue) + 1), bool)
        seen = [] if history is None else [history]
        seen += [] if self.users is None else [self.task.users.profile_items[self.users]]
        for items in seen:
            np.put_along_axis(unseen, items, False, axis=1)  # -1 is the place behind the last item
        unseen = unseen[:, :-1]
        if not self.task.n_candidates:
            return unseen
        if self.offered is None:
            return np.ones((self.n, self.task.n_actions), bool)
        return np.take_along_axis(unseen, self.offered[:, step], axis=1)


def _check(agent: Agent, dataset: SessionDataset) -> None:
    check_datasets(agent.task, dataset=dataset)
    if dataset.n_transitions * dataset.n_actions > _MOST:
        raise UsageError(
            f"a study keeps a probability for every step and action, at most {_MOST:,} of them",
            received=f"{dataset.n_transitions:,} steps x {dataset.n_actions:,} actions",
            cause="sessions over a whole catalogue",
            fix="use sessions of an environment with items on offer, or fewer of them",
        )
    if agent.sees_truth:
        raise UsageError(
            "an agent that sees the truth cannot be evaluated on logged sessions",
            received=agent.name,
            cause="it reads the simulator, which a log does not hold",
            fix="choose an agent that `ilrec agents` does not mark so",
        )


def _padded(values: NDArray[Any], length: int) -> NDArray[Any]:
    """The last row again and again."""
    return np.concatenate([values, np.repeat(values[-1:], length - len(values), axis=0)])


def _filled(values: NDArray[Any], length: int, fill: float) -> NDArray[Any]:
    return np.concatenate([values, np.full(length - len(values), fill, values.dtype)])
