"""A setting: everything that decides sessions, shared by the scalar, the vector and the device form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data import InteractionData
from ilrec_gym.envs.candidates import CandidateSessions
from ilrec_gym.envs.observation import Layout
from ilrec_gym.envs.sessions import Sessions
from ilrec_gym.envs.slates import SlateSessions
from ilrec_gym.errors import UsageError, unknown_argument
from ilrec_gym.files import fingerprint
from ilrec_gym.simulation.backend import HOST, Backend
from ilrec_gym.simulation.draws import USER, uniform
from ilrec_gym.simulation.scenario import Scenario, build_scenario, load_scenario
from ilrec_gym.simulation.user_models import UserModel, describe, make_user_model


class SettingOptions(TypedDict, total=False):
    """Arguments of ``gym.make`` that decide sessions, next to the data set; their meaning is in ``MovieLensEnv``."""

    data_path: str | None
    user_model: str | Mapping[str, Any] | UserModel
    split: str
    max_steps: int | None
    min_ratings: int
    catalogue_size: int | None
    profile_length: int
    n_candidates: int | None
    slate_size: int | None


@dataclass(frozen=True)
class Setting:
    """Who plays what under which rules.

    Attributes:
        scenario: Items, users and preferences.
        user_model: How users rate, and when they leave.
        split: ``"train"``, ``"test"`` or ``"all"``.
        max_steps: The horizon.
        n_candidates: Items offered per step; None where the action is an item of the whole catalogue.
        slate_size: Items shown at once, of which the user chooses; None where one item is shown.
    """

    scenario: Scenario
    user_model: UserModel
    split: str
    max_steps: int
    n_candidates: int | None = None
    slate_size: int | None = None

    def __post_init__(self) -> None:
        _ = self.users  # an unknown split is told of now
        if self.n_candidates is not None and self.slate_size is not None:
            raise UsageError(
                "slates are of the whole catalogue",
                received={"n_candidates": self.n_candidates, "slate_size": self.slate_size},
                fix="give one of the two",
            )

    @classmethod
    def of(
        cls, dataset: str | InteractionData | Scenario = "ml-latest-small", **options: Unpack[SettingOptions]
    ) -> Setting:
        """The setting that these arguments of ``gym.make`` stand for.

        Raises:
            UnknownNameError: A data set, preset or split that there is not; ``UnknownArgumentError``: an argument.
            UsageError: A value out of range.
        """
        for option in options:
            if option not in SettingOptions.__annotations__:
                raise unknown_argument(option, SettingOptions.__annotations__)
        model = make_user_model(options.get("user_model", "satiation"))
        max_steps = options.get("max_steps")
        return cls(
            _scenario(dataset, options),
            model,
            options.get("split", "train"),
            model.max_steps if max_steps is None else max_steps,
            options.get("n_candidates"),
            options.get("slate_size"),
        )

    @cached_property
    def users(self) -> NDArray[np.int64]:
        """Indices of the users of the split."""
        return self.scenario.users.of_split(self.split)

    def batch(self, n: int, info: Sequence[str] = (), backend: Backend = HOST) -> Sessions:
        """The engine for n sessions in lock-step."""
        simulator = self.scenario.simulator(self.user_model, self.max_steps, backend)
        if self.n_candidates is not None:
            return CandidateSessions(self.scenario, simulator, n, info, self.n_candidates)
        if self.slate_size is not None:
            return SlateSessions(self.scenario, simulator, n, info, self.slate_size)
        return Sessions(self.scenario, simulator, n, info)

    def draw_users(self, seeds: Any, episodes: Any = 0) -> Any:
        """The user of session ``episodes`` under each seed, drawn uniformly from the split."""
        draws = uniform(seeds, episodes, USER)
        if isinstance(draws, np.ndarray):
            return self.users[(draws * len(self.users)).astype(np.int64)]
        return draws.new_tensor(self.users).long()[(draws * len(self.users)).long()]

    def user_of(self, user_id: object) -> int:
        """The index of a user of the split.

        Raises:
            UsageError: No such user, or one of the other split.
        """
        user = self.scenario.users.index_of(user_id)
        if user not in self.users:
            raise UsageError(
                f"user_id must be of the split {self.split!r}",
                received=user_id,
                cause="a user of the other split; train and test users are kept apart",
                fix='gym.make(..., split="all") plays with both',
            )
        return user

    def describe(self) -> dict[str, Any]:
        """What decides sessions here, as JSON; data by fingerprint."""
        slates = {} if self.slate_size is None else {"slate_size": int(self.slate_size)}
        return {
            "dataset": self.scenario.name,
            "scenario": self.scenario.fingerprint,
            "user_model": describe(self.user_model),
            "max_steps": int(self.max_steps),
            "n_actions": int(self.n_candidates or len(self.scenario.catalogue)),
            "observation": Layout.of(self.scenario, self.n_candidates or 0).sizes,
        } | slates

    @property
    def fingerprint(self) -> str:
        """Hash of :meth:`describe`: sessions of equal fingerprint can be compared."""
        return fingerprint(self.describe())


def _scenario(dataset: Any, options: SettingOptions) -> Scenario:
    if isinstance(dataset, Scenario):
        return dataset
    catalogue: dict[str, Any] = {
        "min_ratings": options.get("min_ratings", 5),
        "catalogue_size": options.get("catalogue_size"),
        "profile_length": options.get("profile_length", 20),
    }
    if isinstance(dataset, InteractionData):
        return build_scenario(dataset, **catalogue)
    return load_scenario(dataset, options.get("data_path"), **catalogue)
