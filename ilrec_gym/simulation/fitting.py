"""The fitted models of a data set: the truth and what agents may know, fitted once and kept under a content hash.

The truth may be fitted on everything. What agents see is fitted on train users alone; test users are folded in from
their profiles. Numbers are kept as float32, so a fresh fit and a cached one play the very same sessions.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data import InteractionData
from ilrec_gym.errors import ArtefactError
from ilrec_gym.files import cache_dir, fingerprint, read_arrays, write_arrays
from ilrec_gym.simulation.factorization import FactorizationConfig, FactorModel, fit, fold_in, holdout_rmse, of_users
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
        holdout_rmse: Error of the truth's recipe on a random 10% of the ratings that it was not fitted on.
    """

    key: str
    truth: FactorModel
    aspiration: NDArray[np.float64]
    public: FactorModel
    holdout_rmse: float


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
    write_models(fit_models(data, is_test, profile_items, profile_ratings), cached)
    return read_models(cached)


def fit_models(
    data: InteractionData,
    is_test: NDArray[np.bool_],
    profile_items: NDArray[np.int32],
    profile_ratings: NDArray[np.float64],
) -> FittedModels:
    """Fit the truth on everything and the public factors on train users."""
    key = _key(data, is_test, profile_items)
    n_users, n_items = len(data.users.id), len(data.items.id)
    rmse = holdout_rmse(data.interactions, n_users, n_items, TRUTH)
    truth = _rounded(fit(data.interactions, n_users, n_items, TRUTH, name="preference model"))
    train = fit(of_users(data.interactions, ~is_test), n_users, n_items, PUBLIC, name="public factors")
    folded = [
        fold_in(train, items[items >= 0], ratings[items >= 0], PUBLIC.regularization)
        for items, ratings in zip(profile_items, profile_ratings, strict=True)
    ]
    public = FactorModel(
        train.mean,
        np.array([bias for bias, _ in folded]),
        train.item_bias,
        np.stack([factors for _, factors in folded]),
        train.item_factors,
    )
    return FittedModels(key, truth, aspirations(truth, n_users, data.rating_scale), _rounded(public), rmse)


def write_models(models: FittedModels, path: Path) -> None:
    """Write fitted models as named arrays, in one move."""
    arrays = {
        "key": np.array(models.key),
        "holdout_rmse": np.array(models.holdout_rmse),
        "aspiration": models.aspiration,
    }
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
        return FittedModels(
            str(arrays["key"]), models[0], arrays["aspiration"], models[1], float(arrays["holdout_rmse"])
        )
    except KeyError as error:
        raise ArtefactError(
            f"{path} must hold fitted models", received=f"no array {error}", cause="a foreign file"
        ) from error


_PARTS = ("user_bias", "item_bias", "user_factors", "item_factors")


def _key(data: InteractionData, is_test: NDArray[np.bool_], profile_items: NDArray[np.int32]) -> str:
    return fingerprint(_VERSION, data.checksum, asdict(TRUTH), asdict(PUBLIC), is_test, profile_items)


def _rounded(model: FactorModel) -> FactorModel:
    return FactorModel(model.mean, *(getattr(model, part).astype(np.float32).astype(np.float64) for part in _PARTS))


def _bundled_path() -> Path:
    return Path(str(resources.files("ilrec_gym.data") / _BUNDLED))
