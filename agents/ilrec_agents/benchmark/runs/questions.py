"""Off-policy evaluation as part of a suite: what a log is asked of each agent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from ilrec_agents.benchmark.runs.plan import FORMAT, HASH, Entrant, Job
from ilrec_agents.checks import number, whole
from ilrec_agents.datasets.recipes import recipe_of
from ilrec_agents.registry import agent_class
from ilrec_gym.cards import versions
from ilrec_gym.errors import UsageError
from ilrec_gym.files import fingerprint


@dataclass(frozen=True)
class OPEPlan:
    """What is asked, where items are on offer and so every logged action has a known chance.

    Attributes:
        data: Named dataset that is the log. ``random`` is one that no agent of a suite has learned from.
        steps: Its least number of steps.
        epsilon: Share of uniform choices that every agent is softened by, so that it does what the log holds.
        horizons: Steps that count; 0: whole sessions.
        estimators: Names of ``ilrec_agents.ope.ESTIMATORS``; none: all of them.
        repeats: Sessions of each train user that the truth is the mean of.
        resamples: Bootstrap samples over sessions.
        fqe: Settings of fitted Q evaluation that are not its defaults.
    """

    data: str = "random"
    steps: int = 100_000
    epsilon: float = 0.3
    horizons: tuple[int, ...] = (3, 10, 0)
    estimators: tuple[str, ...] = ()
    repeats: int = 4
    resamples: int = 2000
    fqe: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        recipe = recipe_of(self.data)
        if not recipe.parts:
            raise UsageError("off-policy evaluation needs a log with the chance of every action", received=self.data)
        whole(self, "steps", "repeats", "resamples")
        number(self, "epsilon", high=1.0)

    @property
    def parameters(self) -> dict[str, Any]:
        """All settings as JSON values."""
        lists = {"horizons": list(self.horizons), "estimators": list(self.estimators), "fqe": dict(self.fqe)}
        return {**asdict(self), **lists}


@dataclass(frozen=True)
class Question:
    """What does a log say of the agent that a run has made?

    Attributes:
        job: The run's.
        run: Name of the run's folder, which stands for all its settings.
        plan: What is asked.
    """

    job: Job
    run: str
    plan: OPEPlan

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """Everything that decides the answer."""
        return {"format": FORMAT, "run": self.run, "ope": self.plan.parameters, "versions": versions()}

    @cached_property
    def key(self) -> str:
        """Name of its folder."""
        return self.key_under(self.parameters)

    def key_under(self, parameters: Mapping[str, Any]) -> str:
        """Name of its folder under parameters that may hold other versions."""
        readable = re.sub(r"[^a-z0-9]+", "-", f"{self.job.env.label} {self.job.entrant.label}".lower()).strip("-")
        return f"{readable[:80]}-{fingerprint(parameters)[:HASH]}"


def can_be_asked(entrant: Entrant) -> bool:
    """Whether a log can speak of such an agent: none that sees the truth, and no language model (100,000 decisions)."""
    return not agent_class(entrant.agent).sees_truth and entrant.family != "llm"


def questions(plan: OPEPlan | None, jobs: Sequence[Job], runs: Sequence[str]) -> list[Question]:
    """One question per agent and environment with items on offer: of its run under the first seed.

    Args:
        plan: What is asked; None: nothing.
        jobs: All jobs of a suite.
        runs: Names of their folders.
    """
    if plan is None:
        return []
    return [
        Question(job, run, plan)
        for job, run in zip(jobs, runs, strict=True)
        if job.seed == 0 and job.env.offers and can_be_asked(job.entrant)
    ]
