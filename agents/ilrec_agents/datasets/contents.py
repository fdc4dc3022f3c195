"""What a named dataset holds: the sessions that its policies play, or those of the log, and what its card says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ilrec_agents.base import Agent
from ilrec_agents.datasets.logged import REWARDS, logged_sessions
from ilrec_agents.datasets.playing import play
from ilrec_agents.datasets.policies import Training
from ilrec_agents.datasets.recipes import Part, Recipe, recipe_of
from ilrec_agents.datasets.scores import normalised_score, references
from ilrec_agents.offline.episodes import Episode, SessionDataset
from ilrec_agents.registry import make_agent
from ilrec_gym.envs.movielens import MovieLensEnv

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


def played(order: Order, env: MovieLensEnv, training: Training) -> tuple[list[Episode], Facts]:
    """Every part's sessions, shuffled together, and what the card says of each part."""
    episodes: list[Episode] = []
    facts: Facts = []
    for place, part in enumerate(order.recipe.parts):
        agent = training.at(env, part.trained) if part.trained else make_agent(
            part.agent, env, seed=order.seed, **part.settings
        )  # fmt: skip
        first_seed = order.first_seed(place)
        found = play(agent, env, steps=max(1, round(order.steps * part.share)), first_seed=first_seed)
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


def logged(order: Order, env: MovieLensEnv) -> list[Episode]:
    """Logged sessions drawn without repeats until there are so many steps, in the order of the log."""
    found = logged_sessions(env)
    drawn = np.random.default_rng(order.seed).permutation(len(found))
    enough = int(np.searchsorted(np.cumsum(found.lengths[drawn]), order.steps)) + 1
    return [found.episodes[i] for i in np.sort(drawn[:enough])]


def about(order: Order, dataset: SessionDataset, env: MovieLensEnv, behaviour: Facts) -> dict[str, Any]:
    """What the card says besides what every dataset's says."""
    items = np.unique(np.concatenate([episode.extras["item_id"] for episode in dataset.episodes]))
    scored = {
        "normalised_score": round(float(normalised_score(dataset.returns.mean(), env)), 3),
        "references": asdict(references(env)),
    }
    logs = {"reward": REWARDS["rating"], "source": "a log: the user model had no part in ratings and ends"}
    return {
        "summary": order.recipe.summary,
        "behaviour": behaviour,
        "distinct_items": len(items),
        "catalogue": len(env.scenario.catalogue),
        **(scored if order.recipe.parts else logs),
    }
