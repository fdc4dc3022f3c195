"""Real ratings that a model was not fitted on, with what it and a plain baseline say of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data import InteractionData, Interactions
from ilrec_gym.simulation.fitting import checked_fit
from ilrec_gym.simulation.scenario import Scenario

Array = NDArray[np.float64]
SHRINKAGE = 5.0
"""In the baseline, each item gets so many more ratings at the overall mean, and each user's offset as many zeros."""


@dataclass(frozen=True)
class HeldOut:
    """N held-out ratings.

    Attributes:
        name: What predicted them.
        how: How they were held out, in words.
        user: ``(N,)`` user indices.
        real: ``(N,)`` float64 the ratings.
        model: ``(N,)`` float64 the model's ratings, within the scale.
        baseline: ``(N,)`` float64 the item's mean and the user's offset, within the scale. The offset is the same for
            all items, so a user's order is that of the item means.
    """

    name: str
    how: str
    user: NDArray[np.integer]
    real: Array
    model: Array
    baseline: Array


def truth_recipe(data: InteractionData) -> HeldOut:
    """The preference model's recipe, fitted to 90% of the ratings; the other 10%, of all users, are held out.

    The truth itself is fitted on everything, so of its own only the recipe can be judged.

    Args:
        data: The catalogue's data.
    """
    log = data.interactions
    model, held = checked_fit(data)
    predicted = model.predict(log.user[held], log.item[held])
    baseline = _baseline(log, ~held, ~held, held, len(data.users), len(data.items))
    return HeldOut(
        "truth", "the preference model's recipe, on a random 10% of all ratings", log.user[held], log.rating[held],
        *(np.clip(x, *data.rating_scale) for x in (predicted, baseline)),
    )  # fmt: skip


def public_factors(data: InteractionData, scenario: Scenario) -> HeldOut:
    """The public factors on what test users rated after their profile, which is all that is known of them.

    Args:
        data: The catalogue's data.
        scenario: Made from the same data.
    """
    log, users = data.interactions, scenario.users
    held = users.is_test[log.user] & ~in_profile(log, scenario)
    predicted = scenario.public.predict(log.user[held], log.item[held])
    by_train = ~users.is_test[log.user]
    baseline = _baseline(log, by_train, in_profile(log, scenario), held, len(data.users), len(data.items))
    return HeldOut(
        "public", "the public factors, on test users' ratings after their profile", log.user[held], log.rating[held],
        *(np.clip(x, *data.rating_scale) for x in (predicted, baseline)),
    )  # fmt: skip


def in_profile(log: Interactions, scenario: Scenario) -> NDArray[np.bool_]:
    """``(N,)`` bool, the ratings that are in their user's public profile."""
    user, place = np.nonzero(scenario.users.profile_items >= 0)
    n_items = len(scenario.catalogue)
    known = user * n_items + scenario.users.profile_items[user, place]
    return np.isin(log.user.astype(np.int64) * n_items + log.item, known)


def _baseline(
    log: Interactions,
    for_items: NDArray[np.bool_],
    for_users: NDArray[np.bool_],
    held: NDArray[np.bool_],
    n_users: int,
    n_items: int,
) -> Array:
    """Item means from some ratings, user offsets from some, and their sum on the held-out ones."""
    mean = log.rating[for_items].mean()
    item = mean + _shrunk(log.item[for_items], log.rating[for_items] - mean, n_items)
    offset = _shrunk(log.user[for_users], (log.rating - item[log.item])[for_users], n_users)
    return item[log.item[held]] + offset[log.user[held]]


def _shrunk(keys: NDArray[np.integer], values: Array, n: int) -> Array:
    """Means by key, with :data:`SHRINKAGE` zeros added to each."""
    return np.bincount(keys, values, n) / (np.bincount(keys, minlength=n) + SHRINKAGE)
