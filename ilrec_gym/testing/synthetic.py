"""Worlds made by chance: for property tests, and for measuring sizes that no public data set has."""

from __future__ import annotations

import numpy as np

from ilrec_gym.errors import UsageError
from ilrec_gym.files import fingerprint
from ilrec_gym.simulation.factorization import FactorModel
from ilrec_gym.simulation.preferences import aspirations
from ilrec_gym.simulation.satiation import item_vectors
from ilrec_gym.simulation.scenario import Catalogue, Scenario, Users


def synthetic_scenario(
    n_users: int = 10,
    n_items: int = 50,
    *,
    factors: int = 4,
    public_factors: int = 3,
    genres: int = 5,
    profile_length: int = 5,
    rating_scale: tuple[float, float] = (1.0, 5.0),
    seed: int = 0,
) -> Scenario:
    """A scenario with random preferences, genres and profiles; memory grows with items times factors.

    Args:
        n_users: Number of users U; every fifth is a test user.
        n_items: Number of items I, more than ``profile_length``.
        factors: Factors of the preference model.
        public_factors: Factors that agents see.
        genres: Number of genres G; an item has one to three.
        profile_length: Ratings in a profile.
        rating_scale: Lowest and highest rating.
        seed: Seed of everything.

    Raises:
        UsageError: Too few items or users.
    """
    if n_items <= profile_length or n_users < 2:
        raise UsageError("a scenario needs 2 users, and more items than a profile has", received=(n_users, n_items))
    rng = np.random.default_rng(seed)
    has = np.zeros((n_items, genres), bool)
    has[np.arange(n_items)[:, None], rng.integers(genres, size=(n_items, 3))] = True
    middle, half = sum(rating_scale) / 2, (rating_scale[1] - rating_scale[0]) / 2
    truth = _factors(rng, n_users, n_items, factors, middle, half)
    public = _factors(rng, n_users, n_items, public_factors, middle, half)
    profile = rng.integers(n_items, size=(n_users, profile_length)).astype(np.int32)
    return Scenario(
        name="synthetic",
        catalogue=Catalogue(
            ids=np.arange(1, n_items + 1),
            titles=tuple(f"Item {i} (2000)" for i in range(1, n_items + 1)),
            years=np.full(n_items, 2000, np.int16),
            genres=has,
            genre_names=tuple(f"genre {g}" for g in range(genres)),
            vectors=item_vectors(has),
            popularity=rng.integers(1, 1000, size=n_items),
        ),
        users=Users(
            ids=np.arange(1, n_users + 1),
            is_test=np.arange(n_users) % 5 == 0,
            profile_items=profile,
            profile_ratings=rng.uniform(*rating_scale, size=profile.shape),
        ),
        public=public,
        truth=truth,
        aspiration=aspirations(truth, n_users, rating_scale),
        rating_scale=rating_scale,
        holdout={"rmse": float("nan")},
        fingerprint=fingerprint(truth.item_factors[:1000], public.item_factors[:1000], profile, n_items),
    )


def _factors(rng: np.random.Generator, n_users: int, n_items: int, k: int, middle: float, half: float) -> FactorModel:
    """Ratings around the middle whose spread over items is about half a half scale, whatever k is."""
    return FactorModel(
        mean=middle,
        user_bias=rng.normal(0, half / 8, n_users),
        item_bias=rng.normal(0, half / 4, n_items),
        user_factors=rng.normal(0, 1 / np.sqrt(k), (n_users, k)),
        item_factors=rng.normal(0, half / 3, (n_items, k)),
    )
