"""The held-out part where the log has no ratings, and so no order of them: the places of what was chosen."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ilrec_agents.fidelity.heldout import in_profile
from ilrec_gym.data import InteractionData
from ilrec_gym.simulation.implicit.factorization import Choices
from ilrec_gym.simulation.implicit.ranking import TOP, Ranking, ranking
from ilrec_gym.simulation.scenario import Scenario


def places(data: InteractionData, scenario: Scenario) -> dict[str, dict[str, float]]:
    """Ranking measures of the preference model's recipe, the public factors, and popularity, by name of the row.

    The recipe's come from the fit: a random 10% of all choices. The public factors rank what test users chose after
    their profile, beside popularity among train users.
    """
    found: dict[str, dict[str, float]] = {}
    if scenario.holdout:
        found["truth's recipe, on a random 10%"] = _named(scenario.holdout)
    log = data.interactions
    choices = Choices(log.user, log.item, log.rating == data.rating_scale[1])
    of_test, known = scenario.users.is_test[log.user], in_profile(log, scenario)
    held = choices.where(of_test & ~known & choices.liked)
    if len(held.user):
        rest = choices.where(of_test & known)
        popularity = scenario.catalogue.popularity.astype(np.float64)
        found["public factors, on test users after their profile"] = _measures(
            ranking(scenario.public.predict_all, rest, held)
        )
        found["popularity, on the same"] = _measures(
            ranking(lambda users: np.tile(popularity, (len(users), 1)), rest, held)
        )
    return found


def _named(holdout: Mapping[str, float]) -> dict[str, float]:
    return {name: holdout[name] for name in (f"recall@{TOP}", f"ndcg@{TOP}", "auc") if name in holdout}


def _measures(found: Ranking) -> dict[str, float]:
    return {f"recall@{TOP}": found.recall, f"ndcg@{TOP}": found.ndcg, "auc": found.auc}
