"""A scenario: everything that stays the same from session to session, the public half and the hidden half."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data import InteractionData, catalogue_of, load_dataset, profiles_of, split_of
from ilrec_gym.data.feedback import EXPLICIT
from ilrec_gym.errors import UsageError, unknown_name
from ilrec_gym.files import fingerprint
from ilrec_gym.simulation.backend import HOST, Backend
from ilrec_gym.simulation.distances import FactorDistances
from ilrec_gym.simulation.factorization import FactorModel
from ilrec_gym.simulation.fitting import fitted_models
from ilrec_gym.simulation.preferences import PreferenceModel
from ilrec_gym.simulation.satiation import item_vectors
from ilrec_gym.simulation.simulator import Simulator
from ilrec_gym.simulation.user_models import UserModel
from ilrec_gym.simulation.world import World

SPLITS = ("train", "test", "all")


@dataclass(frozen=True)
class Catalogue:
    """The items, as everybody may see them.

    Attributes:
        ids: ``(I,)`` int64, the data set's own ids.
        titles: I titles as people write them: "The Matrix (1999)".
        years: ``(I,)`` int16, 0 where unknown.
        genres: ``(I, G)`` bool.
        genre_names: G names; "unknown" is the last where some item has no genre.
        vectors: ``(I, G)`` float64 content vectors, of length 1.
        popularity: ``(I,)`` int64 ratings by train users.
        labels: I strings, the data set's own ids where those are no whole numbers; otherwise empty.
    """

    ids: NDArray[np.int64]
    titles: tuple[str, ...]
    years: NDArray[np.int16]
    genres: NDArray[np.bool_]
    genre_names: tuple[str, ...]
    vectors: NDArray[np.float64]
    popularity: NDArray[np.int64]
    labels: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def genres_of(self, item: int) -> tuple[str, ...]:
        """Names of an item's genres."""
        return tuple(self.genre_names[g] for g in np.flatnonzero(self.genres[item]))

    def indices_of(self, item_ids: NDArray[np.integer]) -> NDArray[np.int64]:
        """Item indices of item ids of any shape.

        Raises:
            UsageError: Ids that are no item's.
        """
        order = np.argsort(self.ids)
        found = order[np.searchsorted(self.ids, item_ids, sorter=order).clip(max=len(order) - 1)]
        strange = np.asarray(item_ids)[self.ids[found] != item_ids]
        if len(strange):
            raise UsageError(
                "item_id must hold ids of the catalogue's items",
                received=strange[:3].tolist(),
                cause="indices of items in place of their ids, or sessions of another data set",
                fix="scenario.catalogue.ids[index] is an item's id",
            )
        return found.astype(np.int64)


@dataclass(frozen=True)
class Users:
    """The users and their public profiles.

    Attributes:
        ids: ``(U,)`` int64, the data set's own ids.
        is_test: ``(U,)`` bool; the others are train users.
        profile_items: ``(U, L)`` int32 item indices, the first logged ratings, padded with -1.
        profile_ratings: ``(U, L)`` float64, padded with nan.
        labels: U strings, the data set's own ids where those are no whole numbers; otherwise empty.
    """

    ids: NDArray[np.int64]
    is_test: NDArray[np.bool_]
    profile_items: NDArray[np.int32]
    profile_ratings: NDArray[np.float64]
    labels: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def of_split(self, split: str) -> NDArray[np.int64]:
        """User indices of ``"train"``, ``"test"`` or ``"all"``."""
        if split not in SPLITS:
            raise unknown_name("split", split, SPLITS)
        chosen = np.flatnonzero(
            {"train": ~self.is_test, "test": self.is_test, "all": np.ones_like(self.is_test)}[split]
        )
        if not len(chosen):
            raise UsageError(
                f"the split {split!r} must have a user", received=f"{len(self)} users in all", cause="a tiny data set"
            )
        return chosen

    def index_of(self, user_id: object) -> int:
        """The index of a user id, or of a label where the data set's own ids are strings.

        Raises:
            UsageError: No such user in the catalogue's data.
        """
        known: NDArray[np.generic] = np.array([], int)
        if isinstance(user_id, str):
            known = np.flatnonzero(np.array(self.labels, np.str_) == user_id)
        elif isinstance(user_id, int | np.integer) and not isinstance(user_id, bool):
            known = np.flatnonzero(self.ids == user_id)
        if len(known) != 1:
            example = repr(self.labels[0]) if self.labels else self.ids[0]
            raise UsageError(
                "user_id must be the id of a user of the data set",
                received=user_id,
                cause="another data set's id, or a user without a rating in the catalogue",
                fix=f"choose among scenario.users.{'labels' if self.labels else 'ids'}, for example {example}",
            )
        return int(known[0])


@dataclass(frozen=True)
class Scenario:
    """One data set made playable.

    Attributes:
        name: The data set's name.
        catalogue: The items. Public.
        users: The users and their profiles. Public.
        public: Factors fitted on train users' logs only, with every user folded in from their profile. Public.
        truth: The preference model. Hidden.
        aspiration: ``(U,)`` what each user has come to expect. Hidden.
        rating_scale: Lowest and highest rating. Public.
        holdout: How good the preference model's recipe is on a random 10% of the log, held out of a fit of its own, by
            measure: ``rmse``, or ``recall@20``, ``ndcg@20`` and ``auc`` where there are no ratings.
        fingerprint: Hash of everything above.
        feedback: ``"explicit"``, ``"thumbs"`` or ``"implicit"``.
    """

    name: str
    catalogue: Catalogue
    users: Users
    public: FactorModel
    truth: PreferenceModel
    aspiration: NDArray[np.float64]
    rating_scale: tuple[float, float]
    holdout: Mapping[str, float]
    fingerprint: str
    feedback: str = EXPLICIT

    @property
    def holdout_rmse(self) -> float:
        """The preference model's held-out error in rating units; nan where there are no ratings."""
        return self.holdout.get("rmse", math.nan)

    def simulator(self, user_model: UserModel, max_steps: int | None = None, backend: Backend = HOST) -> Simulator:
        """The hidden half under a user model; its own horizon if ``max_steps`` is None."""
        max_steps = user_model.max_steps if max_steps is None else max_steps
        distances = self.distances if user_model.needs_distances else None
        return Simulator(replace(self.world, distances=distances).on(backend), user_model, max_steps, backend)

    @property
    def world(self) -> World:
        """What user models live in, without distances. Hidden."""
        return World(self.truth, self.catalogue.vectors, self.aspiration, self.rating_scale, self.catalogue.genres)

    @cached_property
    def distances(self) -> FactorDistances:
        """How far apart items are in the ratings of all users. Hidden."""
        if not isinstance(self.truth, FactorModel):
            raise UsageError("distances between items need a factor model", received=type(self.truth).__name__)
        return FactorDistances.of(self.truth)


def load_scenario(
    dataset: str = "ml-latest-small",
    data_path: str | None = None,
    min_ratings: int = 5,
    catalogue_size: int | None = None,
    profile_length: int = 20,
) -> Scenario:
    """The scenario of a named data set; kept in memory, so that many environments share one."""
    changed = os.stat(data_path).st_mtime_ns if data_path and os.path.isfile(data_path) else 0
    return _load(dataset, data_path, changed, min_ratings, catalogue_size, profile_length)


@lru_cache(maxsize=4)
def _load(
    dataset: str,
    data_path: str | None,
    changed: int,
    min_ratings: int,
    catalogue_size: int | None,
    profile_length: int,
) -> Scenario:
    data = load_dataset(dataset, Path(data_path) if data_path else None)
    return build_scenario(data, min_ratings=min_ratings, catalogue_size=catalogue_size, profile_length=profile_length)


def build_scenario(
    data: InteractionData, *, min_ratings: int = 5, catalogue_size: int | None = None, profile_length: int = 20
) -> Scenario:
    """Make a data set playable.

    Args:
        data: Interactions, with ratings or without.
        min_ratings: Items with fewer ratings are left out of the catalogue.
        catalogue_size: Keep only the most rated so many.
        profile_length: How many of a user's first logged ratings an agent may know.
    """
    data = catalogue_of(data, min_ratings=min_ratings, catalogue_size=catalogue_size)
    is_test = split_of(data.users.own_ids)
    profile_items, profile_ratings = profiles_of(data, profile_length)
    models = fitted_models(data, is_test, profile_items, profile_ratings)
    train_ratings = data.interactions.item[~is_test[data.interactions.user]]
    vectors = item_vectors(data.items.genres)
    extra = vectors.shape[1] - len(data.items.genre_names)
    genres = np.concatenate([data.items.genres, ~data.items.genres.any(axis=1, keepdims=True)], axis=1)[
        :, : vectors.shape[1]
    ]
    return Scenario(
        name=data.name,
        catalogue=Catalogue(
            ids=data.items.id,
            titles=data.items.title,
            years=data.items.year,
            genres=genres,
            genre_names=data.items.genre_names + ("unknown",) * extra,
            vectors=vectors,
            popularity=np.bincount(train_ratings, minlength=len(data.items.id)),
            labels=data.items.labels,
        ),
        users=Users(data.users.id, is_test, profile_items, profile_ratings, data.users.labels),
        public=models.public,
        truth=models.truth,
        aspiration=models.aspiration,
        rating_scale=data.rating_scale,
        holdout=models.holdout,
        fingerprint=fingerprint(models.key, profile_items, vectors),
        feedback=data.feedback,
    )
