"""How long runs take, roughly: for the plan that is shown beforehand, and for the order in which they start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ilrec_agents.benchmark.runs.plan import Job
from ilrec_agents.benchmark.runs.questions import Question

T = TypeVar("T", bound=Job | Question)

# Seconds on one core, on the bundled data with 20 on offer, all test users; measured where an agent is named.
_SECONDS = {"mmr": 2.0, "oracle_plan": 60.0, "cql": 20.0, "lcb": 5.0, "factor_ucb": 30.0}
_FAMILIES = {
    "heuristic": 2.0, "oracle": 5.0, "bandit": 5.0, "online": 60.0, "offline": 60.0, "model_based": 70.0,
    "llm": 1500.0,
}  # fmt: skip
_ASKED = 20.0  # all estimators at three horizons
_ALL = 120  # test users of the bundled data
_WHOLE = 2.0  # the whole catalogue in place of 20 on offer
_LARGE = 3.0  # ML-1M in place of the bundled data, for what only plays


def seconds_of(job: Job | Question) -> float:
    """Seconds of a run, or of off-policy estimates, on one core: an order of magnitude, no promise."""
    if isinstance(job, Question):
        return _ASKED * (1.0 if job.job.env.dataset == "ml-latest-small" else _LARGE)
    base = _SECONDS.get(job.entrant.agent, _FAMILIES.get(job.entrant.family, 60.0))
    if not job.learns:
        base *= job.repeats * (job.users or _ALL) / _ALL
        base *= 1.0 if job.env.dataset == "ml-latest-small" or job.users else _LARGE
    return max(1.0, base) * (1.0 if "Candidates" in job.env.id else _WHOLE)


def longest_first(jobs: Sequence[T]) -> list[T]:
    """The order in which parallel runs end soonest."""
    return sorted(jobs, key=lambda job: -seconds_of(job))


def total(jobs: Sequence[Job | Question], workers: int) -> float:
    """Seconds until all have ended, with so many side by side."""
    ends = [0.0] * workers
    for job in longest_first(jobs):
        ends.sort()
        ends[0] += seconds_of(job)
    return max(ends)
