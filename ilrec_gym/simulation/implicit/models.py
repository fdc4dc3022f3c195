"""Preference model and public factors of a log without ratings, and how well the recipe ranks what was held out."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data import InteractionData
from ilrec_gym.errors import DataError
from ilrec_gym.simulation.factorization import FactorModel
from ilrec_gym.simulation.implicit.factorization import Array, Choices, ImplicitConfig, fit, user_factors
from ilrec_gym.simulation.implicit.ranking import TOP, Ranking, Scores, held_out, ranking
from ilrec_gym.simulation.implicit.score_scale import as_ratings, leaning

TRUTH = ImplicitConfig()
PUBLIC = ImplicitConfig(factors=16, seed=1)
REGULARIZATIONS = (0.1, 0.3, 0.6, 1.0, 1.5)
"""What is tried. Logs differ too much in size and density for one penalty to do for all of them."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImplicitModels:
    """What is fitted to a log without ratings, in the units of the simulated rating scale.

    Attributes:
        truth: The preference model, fitted to all rows.
        public: Fitted to train users' rows; every user is folded in from their profile.
        holdout: Ranking measures by name, of the truth's recipe on a random 10% of what train users liked.
    """

    truth: FactorModel
    public: FactorModel
    holdout: dict[str, float]


def implicit_models(
    data: InteractionData,
    is_test: NDArray[np.bool_],
    profile_items: NDArray[np.int32],
    profile_ratings: NDArray[np.float64],
) -> ImplicitModels:
    """Fit truth and public factors.

    Raises:
        DataError: No train user liked anything.
    """
    log, top = data.interactions, data.rating_scale[1]
    n_users, n_items = len(data.users), len(data.items)
    choices = Choices(log.user, log.item, log.rating == top)
    train = choices.where(~is_test[choices.user])
    if not train.liked.any():
        raise DataError(
            "some train user must like something",
            received=f"{len(train.user)} rows of {int((~is_test).sum())} train users, no thumb of which is up",
            cause="thumbs upside down, or a handful of users",
            fix="look at the column of thumbs, or give the log of more users",
        )
    regularization, holdout = _chosen(train, n_users, n_items, data.name)
    truth, public = (replace(config, regularization=regularization) for config in (TRUTH, PUBLIC))
    items = fit(choices, n_users, n_items, truth, name="preference model")
    everyone = leaning(user_factors(choices, n_users, items, truth))
    public_items = fit(train, n_users, n_items, public, name="public factors")
    user, place = np.nonzero(profile_items >= 0)
    profiles = Choices(user, profile_items[user, place], profile_ratings[user, place] == top)
    folded = leaning(user_factors(profiles, n_users, public_items, public), among=~is_test)
    return ImplicitModels(
        as_ratings(everyone, items, data.rating_scale),
        as_ratings(folded, public_items, data.rating_scale, among=~is_test),
        holdout,
    )


def _chosen(choices: Choices, n_users: int, n_items: int, name: str) -> tuple[float, dict[str, float]]:
    """The penalty, and the measures on a random 10% of what was liked, held out of fits of their own.

    The choices are those of train users, as public factors are fitted with that penalty too. It is the smallest whose
    NDCG lies within one standard error of the best: as much taste as the log bears out.
    """
    out = held_out(choices)
    if not out.any():
        return TRUTH.regularization, {}
    rest, held = choices.where(~out), choices.where(out)
    tried: dict[float, Ranking] = {}
    for regularization in REGULARIZATIONS:
        config = replace(TRUTH, regularization=regularization)
        items = fit(rest, n_users, n_items, config, name=f"held-out check at {regularization}")
        users = leaning(user_factors(rest, n_users, items, config))
        tried[regularization] = ranking(_scores(users, items), rest, held)
    best = max(tried.values(), key=lambda found: found.ndcg)
    chosen = min(reg for reg, found in tried.items() if found.ndcg >= best.ndcg - best.ndcg_error)
    counts = np.bincount(rest.item[rest.liked], minlength=n_items).astype(float)
    popular = ranking(lambda users: np.tile(counts, (len(users), 1)), rest, held)
    found = tried[chosen]
    if found.ndcg <= popular.ndcg:
        _log.warning(
            "%s: NDCG@%d on what was held out is %.3f, and %.3f for mere popularity: the log hardly tells users apart, "
            "and a list for everybody may win in its simulation",
            name,
            TOP,
            found.ndcg,
            popular.ndcg,
        )
    return chosen, {
        f"recall@{TOP}": found.recall,
        f"ndcg@{TOP}": found.ndcg,
        "auc": found.auc,
        f"popularity_ndcg@{TOP}": popular.ndcg,
        "regularization": chosen,
    }


def _scores(users: Array, items: Array) -> Scores:
    return lambda chosen: users[chosen] @ items.T
