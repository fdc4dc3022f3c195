"""The fidelity report: everything that is measured, and where it is written."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ilrec_agents.fidelity.agreement import Agreement, agreement
from ilrec_agents.fidelity.cautions import Caution, cautions
from ilrec_agents.fidelity.choices import places
from ilrec_agents.fidelity.heldout import public_factors, truth_recipe
from ilrec_agents.fidelity.histogram import Histogram, histogram
from ilrec_agents.fidelity.ladder import POLICIES, Ladder, climb
from ilrec_gym.data import InteractionData, catalogue_of, load_dataset
from ilrec_gym.data.feedback import EXPLICIT
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.errors import DataError, UsageError
from ilrec_gym.evaluation.evaluate import users_of
from ilrec_gym.simulation.scenario import Scenario, build_scenario
from ilrec_gym.simulation.user_models import USER_MODELS, UserModel, describe, make_user_model

UserModelSpec = str | Mapping[str, Any] | UserModel


@dataclass(frozen=True)
class Fidelity:
    """What was found.

    Attributes:
        scenario: The data set made playable.
        split: The users that the rungs met.
        users: How many.
        seed: Of the sessions.
        counts: Ratings, users and items of the catalogue's data.
        agreements: On held-out ratings; none where there are no ratings.
        places: Ranking measures where there are no ratings, by row.
        histogram: Real against simulated ratings; None where there are no ratings.
        ladders: By label of the user model.
        refused: Why a user model cannot be played with this data, by label.
        seconds: How long it took.
    """

    scenario: Scenario
    split: str
    users: int
    seed: int
    counts: dict[str, int]
    agreements: tuple[Agreement, ...]
    places: dict[str, dict[str, float]]
    histogram: Histogram | None
    ladders: dict[str, Ladder]
    refused: dict[str, str]
    seconds: float = field(compare=False)

    def cautions(self, label: str) -> list[Caution]:
        """What to beware of under a user model."""
        return cautions(self.ladders[label])

    def to_markdown(self) -> str:
        """The report as text."""
        from ilrec_agents.fidelity.markdown import markdown

        return markdown(self)

    def save(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write the report: JSON with its card, CSV, Markdown, PNG pictures, and a page per user model.

        Raises:
            MissingExtraError: The extra ``report`` is not installed.
        """
        from ilrec_agents.fidelity.files import save

        return save(self, Path(folder))


def fidelity(
    dataset: str | InteractionData = "ml-latest-small",
    *,
    data_path: str | os.PathLike[str] | None = None,
    user_models: Sequence[UserModelSpec] | None = None,
    split: str = "test",
    users: int | None = None,
    seed: int = 0,
) -> Fidelity:
    """Measure how faithful the simulation of a data set is.

    Args:
        dataset: A data set's name, or data of your own.
        data_path: Where a named one lies.
        user_models: Those to judge, as ``gym.make`` takes them; by default every preset.
        split: The users that play.
        users: Only so many of them.
        seed: Of the sessions.

    Raises:
        UnknownNameError: No such data set, preset or split.
        UsageError: A number out of range, or a user model given twice.
    """
    start = time.perf_counter()
    models = named_models(user_models)
    data = dataset if isinstance(dataset, InteractionData) else load_dataset(dataset, data_path)
    data = catalogue_of(data)
    scenario = build_scenario(data)
    env = MovieLensEnv(scenario, split=split)
    if users is not None and not 1 <= users <= len(env.users):
        raise UsageError(
            f"users must be a whole number from 1 to the {len(env.users)} of the split {split!r}", received=users
        )
    n = len(users_of(env, users, seed))
    ladders, refused = _ladders(models, scenario, split, users, seed, n)
    explicit = data.feedback == EXPLICIT
    return Fidelity(
        scenario=scenario,
        split=split,
        users=n,
        seed=seed,
        counts={"ratings": len(data.interactions), "users": len(data.users), "items": len(data.items)},
        agreements=_agreements(data, scenario) if explicit else (),
        places={} if explicit else places(data, scenario),
        histogram=histogram(data, scenario) if explicit else None,
        ladders=ladders,
        refused=refused,
        seconds=time.perf_counter() - start,
    )


def named_models(specs: Sequence[UserModelSpec] | None) -> dict[str, UserModel]:
    """User models by label: the preset's name; with its parameters where they are not the preset's own.

    Raises:
        UnknownNameError: No such preset or parameter.
        UsageError: The same one twice.
    """
    found: dict[str, UserModel] = {}
    for model in map(make_user_model, list(USER_MODELS) if specs is None else specs):
        about = describe(model)
        name = about.pop("name")
        usual = describe(type(model)())
        changed = [f"{key}={value}" for key, value in about.items() if value != usual[key]]
        label = f"{name} ({', '.join(changed)})" if changed else name
        if label in found:
            raise UsageError("user_models must name each user model once", received=label)
        found[label] = model
    return found


def _agreements(data: InteractionData, scenario: Scenario) -> tuple[Agreement, ...]:
    found = []
    for held in (truth_recipe(data), public_factors(data, scenario)):
        try:
            found.append(agreement(held))
        except DataError:  # too few ratings to have an order: the report says so by having no such row
            continue
    return tuple(found)


def _ladders(
    models: Mapping[str, UserModel], scenario: Scenario, split: str, users: int | None, seed: int, n: int
) -> tuple[dict[str, Ladder], dict[str, str]]:
    ladders: dict[str, Ladder] = {}
    refused: dict[str, str] = {}
    total = len(models) * len(POLICIES) * n
    with tqdm(total=total, desc="sessions of all rungs", unit="session", disable=None) as progress:
        for label, model in models.items():
            try:
                env = MovieLensEnv(scenario, user_model=model, split=split)
            except (UsageError, DataError) as error:
                refused[label] = str(error).replace("\n ", ";")
                progress.update(len(POLICIES) * n)
                continue
            ladders[label] = climb(env, users=users, seed=seed, tick=progress.update)
    return ladders, refused
