"""The ladder: from chance to a planning oracle, played by the same users under one user model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ilrec_agents.base import Agent
from ilrec_agents.registry import make_agent
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.evaluation import Evaluation, Interval, PerUser, paired_difference, rollout
from ilrec_gym.evaluation.evaluate import evaluation_of, users_of
from ilrec_gym.evaluation.session_log import joined
from ilrec_gym.simulation.user_models import describe

POLICIES: dict[str, str] = {
    "random": "chance",
    "random_masked": "chance",
    "popular": "list",
    "best_average": "list",
    "greedy": "personal",
    "playlist": "list",
    "mmr": "personal",
    "oracle_greedy": "oracle",
    "oracle_one_step": "oracle",
    "oracle_plan": "oracle",
}
"""The rungs, and what each goes by: chance, one list for everybody, the user's public profile, or the hidden truth."""
CHANCE = "random_masked"
"""What the others are compared with; all of them but ``random`` keep to unseen items, as it does."""
_CELLS = 1_000_000  # users x items that are scored at once

Tick = Callable[[int], Any]


@dataclass(frozen=True)
class Ladder:
    """What every rung earned under one user model.

    Attributes:
        name: The user model's name.
        user_model: Its parameters.
        leaving_step_counts: Whether the step that makes the user leave counts in Len and return, as in its source.
        max_steps: The horizon.
        evaluations: By policy.
    """

    name: str
    user_model: Mapping[str, Any]
    leaving_step_counts: bool
    max_steps: int
    evaluations: Mapping[str, Evaluation]

    def of_kind(self, kind: str) -> list[str]:
        """The policies of one kind."""
        return [name for name in self.evaluations if POLICIES.get(name) == kind]

    def best(self, kind: str) -> str:
        """The policy of this kind that earns most."""
        return max(self.of_kind(kind), key=lambda name: self.mean(name).mean)

    def per_user(self, policy: str, metric: str = "R_traj") -> PerUser:
        """A metric by user, counted as the user model's source counts."""
        return self.evaluations[policy].per_user(metric, leaving_step=self.leaving_step_counts)

    def mean(self, policy: str, metric: str = "R_traj") -> Interval:
        """Its mean with the interval over users."""
        result = self.evaluations[policy]
        found = getattr(result if self.leaving_step_counts else result.without_leaving_step, metric)
        assert isinstance(found, Interval)
        return found

    def difference(self, a: str, b: str, metric: str = "R_traj") -> Interval:
        """A metric of a less that of b, paired by user."""
        if (a, b, metric) not in self._differences:
            self._differences[a, b, metric] = paired_difference(self.per_user(a, metric), self.per_user(b, metric))
        return self._differences[a, b, metric]

    def headroom(self, policy: str) -> float:
        """Share of what the best oracle earns beyond chance that this policy earns; nan where there is nothing."""
        chance, top = self.mean(CHANCE).mean, self.mean(self.best("oracle")).mean
        return (self.mean(policy).mean - chance) / (top - chance) if top > chance else float("nan")

    def horizon(self, policy: str) -> float:
        """Share of sessions that the horizon ended."""
        return float(self.evaluations[policy].log.truncated.mean())

    def same_sessions(self, other: Ladder) -> bool:
        """Whether every rung played the very same sessions there, with the same ratings."""
        logs = [(self.evaluations[name].log, other.evaluations[name].log) for name in self.evaluations]
        return all(np.array_equal(a.items, b.items) and np.array_equal(a.ratings, b.ratings, equal_nan=True)
                   for a, b in logs)  # fmt: skip

    @cached_property
    def _differences(self) -> dict[tuple[str, str, str], Interval]:
        return {}


def climb(env: MovieLensEnv, *, users: int | None = None, seed: int = 0, tick: Tick = lambda sessions: None) -> Ladder:
    """Play every rung in an environment.

    Args:
        env: With the whole catalogue as actions.
        users: Only so many of the split.
        seed: Session i gets seed + i, whoever plays.
        tick: Told of the sessions that are finished, as they are.
    """
    found = {name: play(make_agent(name, env), env, users=users, seed=seed, tick=tick) for name in POLICIES}
    about = describe(env.user_model)
    return Ladder(about["name"], about, env.user_model.leaving_step_counts, env.max_steps, found)


def play(
    agent: Agent, env: MovieLensEnv, *, users: int | None = None, seed: int = 0, tick: Tick = lambda sessions: None
) -> Evaluation:
    """As ``evaluate``, some users at a time, so that memory and waste stay small; the sessions are the same."""
    everyone = users_of(env, users, seed)
    seeds = seed + np.arange(len(everyone))
    logs = []
    for rows in np.array_split(np.arange(len(everyone)), len(everyone) * len(env.scenario.catalogue) // _CELLS + 1):
        if len(rows):
            sessions = env.batch(len(rows), agent.info)
            logs.append(rollout(agent, sessions, everyone[rows], seeds[rows], description=agent.name))
            tick(len(rows))
    return evaluation_of(joined(logs), env, agent=agent.name, seed=seed)
