"""The fitted models of a data set: the truth and what agents may know, fitted once and kept under a content hash.

The truth may be fitted on everything. What agents see is fitted on train users alone; test users are folded in from
their profiles. Numbers are kept as float32, so a fresh fit and a cached one play the very same sessions.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data import InteractionData
from ilrec_gym.data.feedback import EXPLICIT
from ilrec_gym.errors import ArtefactError
from ilrec_gym.files import cache_dir, fingerprint, keep, read_arrays, write_arrays
from ilrec_gym.simulation.factorization import (
    FactorizationConfig,
    FactorModel,
    fit,
    fit_but,
    fold_in,
    holdout_rmse,
    of_users,
)
from ilrec_gym.simulation.implicit import models as implicit
from ilrec_gym.simulation.preferences import aspirations

TRUTH = FactorizationConfig()
PUBLIC = FactorizationConfig(factors=16, seed=1)
_VERSION = 1
_BUNDLED = "bundled/ml-latest-small.factors.npz"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FittedModels:
    """What is fitted to one catalogue.

    Attributes:
        key: Content hash of everything that decides the rest.
        truth: The preference model, fitted on all ratings. Hidden from agents.
        aspiration: ``(U,)`` float64, 98th percentile of each user's true ratings. Hidden from agents.
        public: Factors of train users' logs; users folded in from their profiles.
        holdout: How good the truth's recipe is on a random 10% that it was not fitted on: ``rmse`` of ratings, and
            ranking measures where the feedback is another, see :mod:`ilrec_gym.simulation.implicit.models`.
    """

    key: str
    truth: FactorModel
    aspiration: NDArray[np.float64]
    public: FactorModel
    holdout: Mapping[str, float]

    @property
    def holdout_rmse(self) -> float:
        """Held-out error in rating units; nan where there are no ratings."""
        return self.holdout.get("rmse", math.nan)


def fitted_models(
    data: InteractionData,
    is_test: NDArray[np.bool_],
    profile_items: NDArray[np.int32],
    profile_ratings: NDArray[np.float64],
) -> FittedModels:
    """The models of a catalogue: shipped, from the cache, or fitted now and put there."""
    key = _key(data, is_test, profile_items)
    cached = cache_dir() / "factors" / f"{data.name}-{key[:16]}.npz"
    for path in (_bundled_path(), cached):
        try:
            found = read_models(path)
        except ArtefactError as error:
            if path.exists():
                _log.warning("refitting, because %s", error)
            continue
        if found.key == key:
            return found
    models = fit_models(data, is_test, profile_items, profile_ratings)
    keep(lambda: write_models(models, cached), f"the models fitted to {data.name}")
    return models


def fit_models(
    data: InteractionData,
    is_test: NDArray[np.bool_],
    profile_items: NDArray[np.int32],
    profile_ratings: NDArray[np.float64],
) -> FittedModels:
    """Fit the truth on everything and the public factors on train users."""
    if data.feedback == EXPLICIT:
        truth, public, holdout = _explicit_models(data, is_test, profile_items, profile_ratings)
    else:
        models = implicit.implicit_models(data, is_test, profile_items, profile_ratings)
        truth, public, holdout = models.truth, models.public, models.holdout
    truth, public = _rounded(truth), _rounded(public)
    aspiration = aspirations(truth, len(data.users), data.rating_scale)
    return FittedModels(_key(data, is_test, profile_items), truth, aspiration, public, holdout)


def _explicit_models(
    data: InteractionData,
    is_test: NDArray[np.bool_],
    profile_items: NDArray[np.int32],
    profile_ratings: NDArray[np.float64],
) -> tuple[FactorModel, FactorModel, dict[str, float]]:
    n_users, n_items = len(data.users.id), len(data.items.id)
    unit = _unit(data.rating_scale)
    log = replace(data.interactions, rating=data.interactions.rating / unit)
    rmse = holdout_rmse(log, n_users, n_items, TRUTH)
    truth = fit(log, n_users, n_items, TRUTH, name="preference model")
    train = fit(of_users(log, ~is_test), n_users, n_items, PUBLIC, name="public factors")
    folded = [
        fold_in(train, items[items >= 0], ratings[items >= 0] / unit, PUBLIC.regularization)
        for items, ratings in zip(profile_items, profile_ratings, strict=True)
    ]
    public = FactorModel(
        train.mean,
        np.array([bias for bias, _ in folded]),
        train.item_bias,
        np.stack([factors for _, factors in folded]),
        train.item_factors,
    )
    return _times(truth, unit), _times(public, unit), {"rmse": unit * rmse}


def checked_fit(data: InteractionData) -> tuple[FactorModel, NDArray[np.bool_]]:
    """The fit behind the held-out error of explicit ratings, and which of the N ratings were held out: ``(N,)``."""
    unit = _unit(data.rating_scale)
    log = replace(data.interactions, rating=data.interactions.rating / unit)
    model, held = fit_but(log, len(data.users), len(data.items), TRUTH)
    return _times(model, unit), held


def _unit(scale: tuple[float, float]) -> float:
    """What ratings are divided by for the fit, whose penalty and first factors are meant for a scale 4 wide.

    A power of two, so that MovieLens' scales, 4 and 4.5 wide, are fitted as they are, and nothing is rounded.
    """
    return float(2.0 ** round(math.log2((scale[1] - scale[0]) / 4)))


def _times(model: FactorModel, unit: float) -> FactorModel:
    return FactorModel(
        model.mean * unit, model.user_bias * unit, model.item_bias * unit, model.user_factors * unit, model.item_factors
    )


def write_models(models: FittedModels, path: Path) -> None:
    """Write fitted models as named arrays, in one move."""
    arrays = {"key": np.array(models.key), "aspiration": models.aspiration}
    arrays |= {_HOLDOUT + name: np.array(value) for name, value in models.holdout.items()}
    for name, model in (("truth", models.truth), ("public", models.public)):
        arrays |= {f"{name}_mean": np.array(model.mean)}
        arrays |= {f"{name}_{part}": getattr(model, part).astype(np.float32) for part in _PARTS}
    write_arrays(path, arrays)


def read_models(path: Path) -> FittedModels:
    """Read what :func:`write_models` wrote.

    Raises:
        ArtefactError: Missing, damaged or foreign.
    """
    arrays = read_arrays(path)
    try:
        models = [
            FactorModel(
                float(arrays[f"{name}_mean"]), *(arrays[f"{name}_{part}"].astype(np.float64) for part in _PARTS)
            )
            for name in ("truth", "public")
        ]
        holdout = {
            name.removeprefix(_HOLDOUT): float(value) for name, value in arrays.items() if name.startswith(_HOLDOUT)
        }
        return FittedModels(str(arrays["key"]), models[0], arrays["aspiration"], models[1], holdout)
    except KeyError as error:
        raise ArtefactError(
            f"{path} must hold fitted models", received=f"no array {error}", cause="a foreign file"
        ) from error


_HOLDOUT = "holdout_"
_PARTS = ("user_bias", "item_bias", "user_factors", "item_factors")


def _key(data: InteractionData, is_test: NDArray[np.bool_], profile_items: NDArray[np.int32]) -> str:
    recipe: list[Any] = [asdict(TRUTH), asdict(PUBLIC)]
    if data.feedback != EXPLICIT:
        recipe = [asdict(implicit.TRUTH), asdict(implicit.PUBLIC), implicit.REGULARIZATIONS]
    return fingerprint(_VERSION, data.checksum, *recipe, is_test, profile_items)


def _rounded(model: FactorModel) -> FactorModel:
    """As the numbers are kept, without the factors that a strong penalty has emptied."""
    biases_and_factors = (getattr(model, part).astype(np.float32).astype(np.float64) for part in _PARTS)
    user_bias, item_bias, users, items = biases_and_factors
    used = users.any(axis=0) & items.any(axis=0)
    return FactorModel(model.mean, user_bias, item_bias, users[:, used], items[:, used])


def _bundled_path() -> Path:
    return Path(str(resources.files("ilrec_gym.data") / _BUNDLED))
