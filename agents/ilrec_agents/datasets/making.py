"""Making named datasets: train what plays, play, write one file with its card. The same seed gives the same bytes."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from ilrec_agents.base import Agent
from ilrec_agents.datasets.logged import REWARDS, logged_sessions
from ilrec_agents.datasets.playing import play
from ilrec_agents.datasets.policies import Training
from ilrec_agents.datasets.recipes import LEARNER, RECIPES, Part, Recipe, recipe_of
from ilrec_agents.datasets.scores import normalised_score, references
from ilrec_agents.offline.env_spec import spec_of
from ilrec_agents.offline.episodes import DatasetTask, Episode, SessionDataset
from ilrec_agents.offline.hdf5 import KIND, write_hdf5
from ilrec_agents.registry import make_agent
from ilrec_agents.task import Task
from ilrec_gym.cards import is_current
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.errors import UsageError

STEPS = 100_000
"""Default number of steps."""
Facts = list[dict[str, Any]]


@dataclass(frozen=True)
class Order:
    """What is to be made.

    Attributes:
        name: Of the dataset.
        steps: Least number of steps, in whole sessions.
        seed: Of everything random in it, the training of what plays included.
        learner: Settings of the agent that is trained for it, where they are not its defaults.
    """

    name: str
    steps: int
    seed: int
    learner: Mapping[str, Any]

    @property
    def recipe(self) -> Recipe:
        """How it is made."""
        return recipe_of(self.name)

    def first_seed(self, place: int) -> int:
        """Seed of the first session of the part in that place; far from those of every other part, name and seed."""
        return int(np.random.SeedSequence([self.seed, place, *self.name.encode()]).generate_state(1)[0]) << 24


def make_dataset(
    name: str,
    env: gym.Env[Any, Any],
    out: str | os.PathLike[str],
    *,
    steps: int = STEPS,
    seed: int = 0,
    learner: Mapping[str, Any] | None = None,
) -> Path:
    """Make a named dataset, unless it is there and unchanged.

    Args:
        name: A name of ``list_datasets``.
        env: An environment with train users, of candidates or of the whole catalogue.
        out: The folder of all named datasets.
        steps: Least number of steps, in whole sessions; ``logs`` has fewer where the log has.
        seed: Of everything random.
        learner: Settings of the agent that is trained for ``mixed``, ``medium`` and ``expert``.

    Returns:
        The file, ``OUT/DATASET-FORM/NAME.h5``, for ``read_hdf5``; trained policies lie beside it.

    Raises:
        UnknownNameError: No such dataset.
        UsageError: Test users, an environment of slates, logs of an environment of candidates, or a bad number.
        StorageError: No space or no permission; nothing is left half-written.
        MissingExtraError: The extra "offline" is not installed, or "online" where a policy is trained.
    """
    order = _checked(Order(name, steps, seed, dict(learner or {})), env)
    base: MovieLensEnv = env.unwrapped  # type: ignore[assignment]
    path = folder_of(env, out) / f"{name}.h5"
    training = Training(LEARNER, order.learner, order.seed, path.parent / "policies" / f"seed-{order.seed}")
    card: dict[str, Any] = {
        "parameters": _parameters(order, base, training),
        "inputs": {"scenario": base.scenario.fingerprint},
        "seed": order.seed,
    }
    if is_current(path, kind=KIND, **card):
        return path
    start = time.perf_counter()
    if order.recipe.learns:
        training.train(env, sorted({part.trained for r in RECIPES.values() for part in r.parts if part.trained}))
    episodes, facts = _played(order, base, env, training) if order.recipe.parts else (_logged(order, env), [])
    task = DatasetTask(base.describe(), spec_of(env))
    dataset = SessionDataset(tuple(episodes), int(base.sessions.n_actions), base.layout.size, task)
    write_hdf5(dataset, path, **card, seconds=time.perf_counter() - start, **_about(order, dataset, env, facts))
    return path


def folder_of(env: gym.Env[Any, Any], out: str | os.PathLike[str]) -> Path:
    """Where the datasets of an environment lie."""
    task = Task.of(env)
    form = "candidates" if task.n_candidates else "catalogue"
    return Path(out) / f"{task.description['dataset']}-{form}"


def _played(
    order: Order, base: MovieLensEnv, env: gym.Env[Any, Any], training: Training
) -> tuple[list[Episode], Facts]:
    """Every part's sessions, shuffled together."""
    episodes: list[Episode] = []
    facts: Facts = []
    for place, part in enumerate(order.recipe.parts):
        agent = training.at(env, part.trained) if part.trained else make_agent(
            part.agent, env, seed=order.seed, **part.settings
        )  # fmt: skip
        first_seed = order.first_seed(place)
        found = play(agent, base, steps=max(1, round(order.steps * part.share)), first_seed=first_seed)
        episodes += [replace(e, extras={**e.extras, "behaviour": np.full(len(e), place, np.int8)}) for e in found]
        facts.append(_facts(part, agent, training, order.seed, first_seed, found))
    if len(facts) > 1:
        rng = np.random.default_rng([order.seed, len(episodes)])
        episodes = [episodes[i] for i in rng.permutation(len(episodes))]
    return episodes, facts


def _facts(
    part: Part, agent: Agent, training: Training, seed: int, first_seed: int, found: tuple[Episode, ...]
) -> dict[str, Any]:
    trained = {"trained": part.trained, "files": training.checksums(part.trained)} if part.trained else {}
    return {
        "policy": part.label,
        "agent": part.agent,
        "config": training.config() if part.trained else asdict(agent.config),
        **trained,
        "seed": seed,
        "first_session_seed": first_seed,
        "sessions": len(found),
        "steps": sum(map(len, found)),
        "mean_return": round(float(np.mean([e.rewards.sum(dtype=np.float64) for e in found])), 6),
        "mean_length": round(float(np.mean([len(e) for e in found])), 6),
    }


def _logged(order: Order, env: gym.Env[Any, Any]) -> list[Episode]:
    """Logged sessions drawn without repeats until there are so many steps, in the order of the log."""
    logged = logged_sessions(env)
    drawn = np.random.default_rng(order.seed).permutation(len(logged))
    enough = int(np.searchsorted(np.cumsum(logged.lengths[drawn]), order.steps)) + 1
    return [logged.episodes[i] for i in np.sort(drawn[:enough])]


def _parameters(order: Order, base: MovieLensEnv, training: Training) -> dict[str, Any]:
    learner = {"learner": training.config()} if order.recipe.learns else {}
    return {
        "name": order.name, "steps": order.steps, "recipe": order.recipe.to_json(), "split": base.split,
        "task": base.describe(), **learner,
    }  # fmt: skip


def _about(order: Order, dataset: SessionDataset, env: gym.Env[Any, Any], behaviour: Facts) -> dict[str, Any]:
    """What the card says besides what every dataset's says."""
    items = np.unique(np.concatenate([episode.extras["item_id"] for episode in dataset.episodes]))
    catalogue = len(Task.of(env).catalogue)
    scored = {
        "normalised_score": round(float(normalised_score(dataset.returns.mean(), env)), 3),
        "references": asdict(references(env)),
    }
    logs = {"reward": REWARDS["rating"], "source": "a log: the user model had no part in ratings and ends"}
    return {
        "summary": order.recipe.summary,
        "behaviour": behaviour,
        "distinct_items": len(items),
        "catalogue": catalogue,
        **(scored if order.recipe.parts else logs),
    }


def _checked(order: Order, env: gym.Env[Any, Any]) -> Order:
    recipe, base = order.recipe, env.unwrapped
    for name, value, least in (("steps", order.steps, 1), ("seed", order.seed, 0)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not least <= value < 2**32:
            raise UsageError(f"{name} must be a whole number, at least {least}", received=value)
    Task.of(env)
    assert isinstance(base, MovieLensEnv)
    if base.setting.slate_size is not None:
        raise UsageError("a named dataset is for an environment of one item per step", received=str(env))
    if base.split != "train":
        raise UsageError(
            'a named dataset must be of the split "train"',
            received=base.split,
            cause="agents are evaluated on test users; learning from them makes the evaluation worthless",
            fix='gym.make(..., split="train")',
        )
    if recipe.parts and not recipe.learns and order.learner:
        raise UsageError(
            "settings of the learner are for datasets with a trained policy",
            received=order.name,
            fix=f"take one of: {', '.join(name for name, each in RECIPES.items() if each.learns)}",
        )
    if recipe.learns:
        make_agent(LEARNER, env, **order.learner)  # refuses settings that there are not
    return replace(order, steps=int(order.steps), seed=int(order.seed))
