"""What a dataset's card says beyond its arrays: who played, with which words, how it was drawn, and how it went."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ilrec_demos.cards.prompts import prompts_of
from ilrec_demos.cards.terms import terms_of
from ilrec_demos.journal import Journal, Session, Step

_QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def facts_of_journal(journal: Journal) -> dict[str, Any]:
    """Agent, prompts, seeds, environment, figures and terms of a journal, as JSON values."""
    header = journal.header
    return {
        "agent": header.agent,
        "prompts": prompts_of(header.agent),
        "seeding": {
            "first": header.seed,
            "last": header.seed + header.sessions - 1,
            "agent": header.agent.get("seed"),
            "rule": "session i has the seed first + i, which decides its viewer and what is drawn in it",
            "batch_size": header.batch_size,
        },
        "viewers": None if header.users is None else list(header.users),
        "environment": {"spec": header.env, "fingerprint": header.fingerprint, "split": header.split},
        "journal": journal.statistics(),
        "figures": figures(journal.sessions),
        "decisions": decisions(journal.sessions),
        "terms": terms_of(header.task["dataset"]).to_json(),
    }


def figures(sessions: Sequence[Session]) -> dict[str, Any]:
    """Quartiles of lengths, returns and ratings."""
    return {
        "length": _quartiles([len(session) for session in sessions]),
        "return": _quartiles([session.total for session in sessions]),
        "rating": _quartiles([step.rating for session in sessions for step in session.steps]),
    }


def decisions(sessions: Sequence[Session]) -> dict[str, float]:
    """Means over the steps that say so: propensity, shares outside the catalogue and repeated, tokens, ms."""
    steps = [step for session in sessions for step in session.steps]
    what: dict[str, Callable[[Step], Any]] = {
        "propensity": lambda step: step.propensity,
        "outside": lambda step: step.facts.get("outside"),
        "repeated": lambda step: step.facts.get("repeated"),
        "tokens": lambda step: step.facts.get("tokens"),
        "ms": lambda step: step.facts.get("ms"),
    }
    means = {f"mean_{name}": _mean(map(read, steps)) for name, read in what.items()}
    return {name: mean for name, mean in means.items() if mean is not None}


def _mean(values: Iterable[Any]) -> float | None:
    known = [float(value) for value in values if isinstance(value, int | float | np.number | np.bool_)]
    return round(float(np.mean(known)), 6) if known else None


def _quartiles(values: Sequence[float]) -> list[float]:
    """Least, first quartile, median, third quartile, greatest."""
    return [round(float(value), 6) for value in np.quantile(values, _QUANTILES)]
