"""What a benchmark runs, as plain values: environments, entrants, and the jobs that they make."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Self

from ilrec_agents.benchmark.runs.spelling import dataset_and_settings, words
from ilrec_agents.checks import whole
from ilrec_agents.datasets.recipes import recipe_of
from ilrec_agents.registry import agent_class, settings_of
from ilrec_gym.cards import versions
from ilrec_gym.errors import UsageError, unknown_name
from ilrec_gym.files import fingerprint
from ilrec_gym.registration import ENV_IDS

FORMAT = 1
"""Of a benchmark's folder. It is part of every run's key, so runs of another format are left alone."""
HASH = 10
"""Characters at the end of a key that say which settings and versions."""


@dataclass(frozen=True)
class EnvPlan:
    """An environment as JSON; jobs make it for train users, and again for test users.

    Attributes:
        id: A registered id.
        kwargs: Further arguments of ``gym.make``, without ``split``.
    """

    id: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or self.id not in ENV_IDS:
            raise unknown_name("an environment's id", self.id, ENV_IDS)
        _mapping("kwargs of an environment", self.kwargs, '{"dataset": "ml-1m"}')
        if "split" in self.kwargs:
            raise UsageError("an environment of a benchmark has no split", fix="leave it out: both are used")

    @classmethod
    def of(cls, text: str) -> Self:
        """An id, or JSON such as ``{"id": "ilrec/MovieLens-v0", "kwargs": {"dataset": "ml-1m"}}``."""
        return cls(**words(text, "--envs", cls)) if text.lstrip().startswith("{") else cls(text)

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return str({"dataset": "ml-latest-small", **ENV_IDS[self.id].options, **self.kwargs}["dataset"])

    @property
    def label(self) -> str:
        """What tables call it: the data set and what is chosen from, then what else was asked for."""
        options = {**ENV_IDS[self.id].options, **self.kwargs}
        options.pop("dataset", None)
        offered = options.pop("n_candidates", 20)
        form = f"{offered} on offer" if self.offers else "whole catalogue"
        return ", ".join([self.dataset, form, *(f"{key} {_short(value)}" for key, value in sorted(options.items()))])

    @property
    def offers(self) -> bool:
        """Whether a retriever puts a few items on offer."""
        return "Candidates" in self.id

    @property
    def noisy(self) -> bool:
        """Whether its users draw their ratings, or when they leave."""
        model = self.kwargs.get("user_model")
        if isinstance(model, Mapping):
            return bool(model.get("noise")) or model.get("name") == "hazard"
        return model == "hazard"

    def make(self, split: str) -> Any:
        """The environment with users of a split."""
        import gymnasium as gym

        return gym.make(self.id, **self.kwargs, split=split)


@dataclass(frozen=True)
class Entrant:
    """An agent as it takes part.

    Attributes:
        agent: Name in the registry.
        data: Name of the dataset that it learns from, where it learns from one.
        config: Settings that are not its defaults.
        label: In tables; by default the agent's name.
    """

    agent: str
    data: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    def __post_init__(self) -> None:
        _words(self, "agent", "data", "label")
        _mapping("an entrant's config", self.config, '{"gamma": 0.9}')
        cls = agent_class(self.agent)
        settings_of(self.agent, self.config)  # refuses names and values now, and not after an hour
        if bool(self.data) != (cls.learns_from == "dataset"):
            wanted = "needs the name of a dataset" if cls.learns_from == "dataset" else "takes no dataset"
            raise UsageError(
                f"{self.agent!r} learns from {cls.learns_from} and {wanted}", received=self.data or "(none)",
                fix=f"write {self.agent}:mixed" if cls.learns_from == "dataset" else f"write {self.agent}",
            )  # fmt: skip
        if self.data:
            recipe_of(self.data)
        object.__setattr__(self, "label", self.label or self.agent)

    @classmethod
    def of(cls, text: str, data: str = "mixed") -> Self:
        """An agent with its dataset and settings, as it is written.

        Args:
            text: ``ppo``, ``cql`` (learns from ``data``), ``cql:medium``, ``ppo:gamma=0.9,hidden=128``,
                ``cql:medium,alpha=4``, or JSON with the attributes as keys. What follows a name is part of the label.
            data: Dataset of agents that learn from one, where none is named.

        Raises:
            UsageError: Text that is none of this; an agent or a setting that there is not.
        """
        if text.lstrip().startswith("{"):
            return cls(**words(text, "--agents", cls))
        name, colon, rest = text.partition(":")
        named, config = dataset_and_settings(rest, text) if colon else ("", {})
        if not named and agent_class(name).learns_from == "dataset":
            named = data
        return cls(name, named, config, label=text if colon else "")

    @property
    def family(self) -> str:
        """The agent's family."""
        return agent_class(self.agent).family

    @property
    def settings(self) -> dict[str, Any]:
        """All settings of the agent, its defaults among them, as JSON: a default that changes gives another run."""
        return settings_of(self.agent, self.config)

    @property
    def varies(self) -> bool:
        """Whether another seed gives another agent; rules without chance need one run only."""
        return agent_class(self.agent).learns_from != "nothing" or self.draws

    @property
    def draws(self) -> bool:
        """Whether it draws its actions, so that one session says little of a user."""
        cls = agent_class(self.agent)
        return cls.draws_with(cls.Config(**self.config))


@dataclass(frozen=True)
class Job:
    """One run: an entrant learns in an environment under a seed, and plays with test users.

    Attributes:
        env: The environment.
        entrant: Who.
        seed: Of learning.
        users: Test users; None: all of them.
        repeats: Sessions with each test user where chance is in play, averaged within the user.
        curve_users: Train users that the learning curve is measured on; 0 for no curve.
        data_steps: Steps of the named dataset.
        device: Where learning runs.
        modes: Further modes of evaluation, see :mod:`~ilrec_agents.benchmark.runs.modes`.
    """

    env: EnvPlan
    entrant: Entrant
    seed: int
    users: int | None = None
    repeats: int = 1
    curve_users: int = 32
    data_steps: int = 100_000
    device: str = "cpu"
    modes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        whole(self, "repeats", "data_steps")
        whole(self, "seed", "curve_users", least=0)
        if self.users is not None:
            whole(self, "users")

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """Everything that decides the run besides its seed: the settings, and the versions that play a part."""
        plan = {name: value for name, value in asdict(self).items() if name != "seed"}
        plan["modes"] = list(self.modes)
        plan["data_steps"] = self.data_steps if self.entrant.data else None
        return {"format": FORMAT, **plan, "settings": self.entrant.settings, "versions": versions()}

    @cached_property
    def key(self) -> str:
        """Name of its folder: readable, and another one for every other setting, seed or version."""
        return key_of(self, self.parameters)

    @property
    def learns(self) -> bool:
        """Whether there is anything to learn."""
        return agent_class(self.entrant.agent).learns_from != "nothing"


def key_of(job: Job, parameters: Mapping[str, Any]) -> str:
    """Name of the folder of a job's run under these parameters, which may hold other versions than those installed."""
    readable = re.sub(r"[^a-z0-9]+", "-", f"{job.env.label} {job.entrant.label}".lower()).strip("-")
    return f"{readable[:80]}-{job.seed}-{fingerprint(parameters, job.seed)[:HASH]}"


def _words(entrant: Entrant, *names: str) -> None:
    for name in names:
        if not isinstance(value := getattr(entrant, name), str):
            raise UsageError(
                f"an entrant's {name} must be a word", received=value, cause="JSON with a list or a number"
            )


def _mapping(what: str, value: object, example: str) -> None:
    if not isinstance(value, Mapping):
        raise UsageError(f"{what} must be names with values", received=value, fix=f"e.g. {example}")


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
