"""The result of an evaluation: recorded sessions, what they were recorded with, and the metrics with intervals."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ilrec_gym.cards import read_card, write_card
from ilrec_gym.errors import ArtefactError, UsageError, require, unknown_name
from ilrec_gym.evaluation import metrics, summary
from ilrec_gym.evaluation.catalogue_facts import CatalogueFacts
from ilrec_gym.evaluation.session_log import SessionLog
from ilrec_gym.evaluation.statistics import Interval, PerUser, interval
from ilrec_gym.files import read_arrays, write_arrays

KIND = "evaluation"
FORMAT = 1
HEADLINE = {"Len": metrics.length, "R_each": metrics.reward_per_step, "R_traj": metrics.trajectory_return}
_FACTS = ("item_ids", "popularity", "item_vectors")
PER_SESSION = (*HEADLINE, "diversity", "novelty", "repeats")


@dataclass(frozen=True)
class Headline:
    """Len, R_each and R_traj with 95% intervals over users, the leaving step counted or left out.

    Attributes:
        evaluation: Whose sessions.
        leaving_step: Whether the step that made the user leave counts.
    """

    evaluation: Evaluation
    leaving_step: bool = True

    @cached_property
    def Len(self) -> Interval:
        """Steps per session."""
        return self._interval("Len")

    @cached_property
    def R_each(self) -> Interval:
        """Return divided by steps, per session, then averaged over users; a user without a step is left out."""
        return self._interval("R_each")

    @cached_property
    def R_traj(self) -> Interval:
        """Return per session."""
        return self._interval("R_traj")

    def _interval(self, name: str) -> Interval:
        return self.evaluation.interval_of(name, leaving_step=self.leaving_step)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """An agent's sessions in an environment, and every metric over them.

    Attributes:
        agent: The agent's name.
        env_spec: What the environment was made from, as JSON values (``{"id": ..., "kwargs": {...}}``).
        split: The users that it met: "train", "test" or "all".
        seed: The seed of the sessions.
        log: The sessions, N of them.
        catalogue: What the metrics need to know of the catalogue.
        fingerprint: Hash of what decides sessions in the environment, its action set included.
        agent_config: The agent's hyper-parameters, as JSON values.
    """

    agent: str
    env_spec: Mapping[str, Any]
    split: str
    seed: int
    log: SessionLog
    catalogue: CatalogueFacts
    fingerprint: str = ""
    agent_config: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.log):
            raise UsageError("an evaluation needs at least one session", received=0, cause="a split without users")
        metrics.exposure(self.log, len(self.catalogue))  # refuses items of another catalogue
        try:
            json.dumps(self._about())
        except TypeError as error:
            raise UsageError("env_spec and agent_config must be JSON values", received=str(error)) from error

    # The headline -----------------------------------------------------------------------------------------------------

    @cached_property
    def _with_leaving_step(self) -> Headline:
        return Headline(self)

    @cached_property
    def without_leaving_step(self) -> Headline:
        """``.Len``, ``.R_each`` and ``.R_traj`` without the step that made the user leave."""
        return Headline(self, leaving_step=False)

    @property
    def Len(self) -> Interval:
        """Steps per session, the leaving step included."""
        return self._with_leaving_step.Len

    @property
    def R_each(self) -> Interval:
        """Return divided by steps, per session, then averaged over users; the leaving step included."""
        return self._with_leaving_step.R_each

    @property
    def R_traj(self) -> Interval:
        """Return per session, the leaving step included."""
        return self._with_leaving_step.R_traj

    # Beyond accuracy --------------------------------------------------------------------------------------------------

    @cached_property
    def diversity(self) -> Interval:
        """Intra-session diversity; users whose sessions have one step are left out."""
        return self.interval_of("diversity")

    @cached_property
    def novelty(self) -> Interval:
        """Mean -log2 popularity share, in bits."""
        return self.interval_of("novelty")

    # These three depend on the number of sessions. So where users were met several times, they are those of one session
    # of each user, averaged: an agent that is repeated can be compared with one that is not.

    @cached_property
    def coverage(self) -> float:
        """Catalogue coverage over one session of each user."""
        return self._mean_of_rounds(lambda log: metrics.catalogue_coverage(log, len(self.catalogue)))

    @cached_property
    def cv_turn(self) -> float:
        """Distinct items per recommendation, over one session of each user."""
        return self._mean_of_rounds(metrics.cv_turn)

    @cached_property
    def gini(self) -> float:
        """Gini coefficient of exposure, over one session of each user."""
        return self._mean_of_rounds(lambda log: metrics.gini_of_exposure(log, len(self.catalogue)))

    @cached_property
    def mcd(self) -> float:
        """Majority category domination: the share of recommendations from the leading categories."""
        facts = self.catalogue
        return metrics.majority_category_domination(self.log, facts.popularity, facts.item_vectors)

    @cached_property
    def repeats(self) -> float:
        """Repeated items per session."""
        return float(metrics.repeats(self.log).mean())

    @cached_property
    def exit_reasons(self) -> dict[str, int]:
        """Sessions per exit reason."""
        return metrics.exit_reason_counts(self.log)

    @cached_property
    def ms_per_decision(self) -> float:
        """Milliseconds per decision; nan where it was not measured."""
        return metrics.ms_per_decision(self.log)

    # Access -----------------------------------------------------------------------------------------------------------

    @property
    def env_id(self) -> str:
        """The environment's registered id."""
        return str(self.env_spec.get("id", ""))

    @property
    def sessions(self) -> int:
        """N."""
        return len(self.log)

    @cached_property
    def users(self) -> np.ndarray:
        """(U,) the users met, ascending."""
        return np.unique(self.log.user_ids)

    def _mean_of_rounds(self, metric: Callable[[SessionLog], float]) -> float:
        """The mean over the first sessions of all users, their second, ...; over all at once where numbers differ."""
        return float(np.mean([metric(log) for log in _rounds(self.log)]))

    def per_session(self, name: str, *, leaving_step: bool = True) -> np.ndarray:
        """(N,) float64: one of "Len", "R_each", "R_traj", "diversity", "novelty", "repeats" for every session."""
        if name in HEADLINE:
            return HEADLINE[name](self.log, leaving_step=leaving_step)
        if name == "diversity":
            return metrics.intra_session_diversity(self.log, self.catalogue.item_vectors)
        if name == "novelty":
            return metrics.novelty(self.log, self.catalogue.popularity)
        if name == "repeats":
            return metrics.repeats(self.log).astype(np.float64)
        raise unknown_name("a metric of sessions", name, PER_SESSION)

    def per_user(self, name: str, *, leaving_step: bool = True) -> PerUser:
        """A metric of :meth:`per_session`, averaged within each user: what intervals and paired differences rest on."""
        return PerUser.of(self.log.user_ids, self.per_session(name, leaving_step=leaving_step))

    def interval_of(self, name: str, *, leaving_step: bool = True) -> Interval:
        """The mean over users of a metric of :meth:`per_session`; nan throughout where no user has a value."""
        return _interval_or_nan(self.per_user(name, leaving_step=leaving_step))

    # Output -----------------------------------------------------------------------------------------------------------

    def to_records(self) -> list[dict[str, Any]]:
        """One record per metric: ``metric``, ``mean``, ``low``, ``high``, ``n``; no interval: the ends are None."""
        return summary.records(self)

    def to_markdown(self) -> str:
        """A Markdown table: one row per metric."""
        return summary.markdown(self)

    def to_frame(self) -> Any:
        """A pandas DataFrame of :meth:`to_records`, indexed by metric. Needs the extra ``report``."""
        return require("pandas", "report").DataFrame(self.to_records()).set_index("metric")

    def sessions_frame(self) -> Any:
        """A pandas DataFrame with one row per session. Needs the extra ``report``."""
        columns: dict[str, Any] = {"user_id": self.log.user_ids}
        columns |= {name: self.per_session(name) for name in PER_SESSION}
        reasons = np.where(self.log.truncated, "horizon", self.log.exit_reasons)
        return require("pandas", "report").DataFrame(columns | {"exit_reason": reasons})

    # Files ------------------------------------------------------------------------------------------------------------

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        parameters: Mapping[str, Any] | None = None,
        inputs: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> None:
        """Write everything as one ``.npz`` with its card beside it.

        Args:
            path: The target.
            parameters: The card's parameters, where a stage states its own; by default agent, environment and split.
            inputs: The card's inputs by checksum.
            seconds: How long the evaluation took.
        """
        about = self._about()
        facts = {f"catalogue_{name}": getattr(self.catalogue, name) for name in _FACTS}
        write_arrays(path, {"about": np.array(json.dumps(about)), **facts, **self.log.to_arrays()})
        if parameters is None:
            parameters = {name: about[name] for name in ("agent", "agent_config", "env_spec", "split")}
        means = {r["metric"]: None if np.isnan(r["mean"]) else round(r["mean"], 6) for r in self.to_records()}
        if inputs is None:
            inputs = {"environment": self.fingerprint}
        write_card(
            path, kind=KIND, parameters=parameters, inputs=inputs, seed=self.seed, seconds=seconds,
            sessions=self.sessions, summary=means,
        )  # fmt: skip

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Evaluation:
        """Read what :meth:`save` wrote.

        Raises:
            ArtefactError: The file or its card is missing, damaged, of another kind or format.
        """
        read_card(path, kind=KIND)
        arrays = read_arrays(path)
        try:
            about = json.loads(str(arrays["about"]))
            if about.pop("format") != FORMAT:
                raise KeyError("format")
            facts = {name: arrays[f"catalogue_{name}"] for name in _FACTS}
            return cls(log=SessionLog.from_arrays(arrays, str(Path(path))), catalogue=CatalogueFacts(**facts), **about)
        except (KeyError, TypeError, json.JSONDecodeError, UsageError) as error:
            raise ArtefactError(
                f"{path} must hold an evaluation of format {FORMAT}",
                received=f"{type(error).__name__}: {error}",
                cause="another version of ilrec-gym wrote it, or it is damaged",
                fix="evaluate again",
            ) from error

    def _about(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "agent": self.agent,
            "env_spec": dict(self.env_spec),
            "split": self.split,
            "seed": self.seed,
            "fingerprint": self.fingerprint,
            "agent_config": dict(self.agent_config),
        }


def _rounds(log: SessionLog) -> list[SessionLog]:
    _, user, count = np.unique(log.user_ids, return_inverse=True, return_counts=True)
    if count.max() == 1 or len(set(count.tolist())) > 1:
        return [log]
    order = np.argsort(user, kind="stable")
    of_each = order.reshape(len(count), -1)  # a row per user, sessions in their order
    return [log.take(np.sort(column)) for column in of_each.T]


def _interval_or_nan(values: PerUser) -> Interval:
    """The interval, or nan throughout where no user has a value."""
    return interval(values) if len(values.values) else Interval(math.nan, math.nan, math.nan, 0)
