"""The factor model: recovers what it was made from, generalises, keeps test users out of public factors."""

import numpy as np
import pytest

from ilrec_gym.data import Interactions, catalogue_of, load_dataset, profiles_of, split_of
from ilrec_gym.errors import ArtefactError, UsageError
from ilrec_gym.simulation import fitting
from ilrec_gym.simulation.factorization import FactorizationConfig, fit, fold_in, holdout_rmse, of_users
from ilrec_gym.simulation.scenario import build_scenario


@pytest.fixture(scope="module")
def planted():
    """Ratings of a known model of rank 2, without noise."""
    rng = np.random.default_rng(0)
    users, items = np.divmod(np.arange(60 * 40), 40)
    p, q = rng.normal(size=(60, 2)), rng.normal(size=(40, 2))
    rating = (
        3 + 0.3 * rng.normal(size=60)[users] + 0.3 * rng.normal(size=40)[items] + 0.3 * (p[users] * q[items]).sum(1)
    )
    return Interactions(users.astype(np.int32), items.astype(np.int32), rating, np.zeros(len(rating), np.int64))


def test_recovers_a_planted_model(planted):
    config = FactorizationConfig(factors=2, regularization=1e-3, iterations=30)
    model = fit(planted, 60, 40, config)
    assert model.predict(planted.user, planted.item) == pytest.approx(planted.rating, abs=0.01)
    assert holdout_rmse(planted, 60, 40, config) < 0.02 < planted.rating.std()


def test_the_three_forms_of_prediction_agree(planted):
    model = fit(planted, 60, 40, FactorizationConfig(factors=3))
    users, items = np.array([4, 9]), np.array([[1, 2, 3], [5, 6, 7]])
    everything = model.predict_all(users)
    assert np.take_along_axis(everything, items, axis=1) == pytest.approx(model.predict_some(users, items))
    assert everything[[0, 1], [1, 5]] == pytest.approx(model.predict(users, items[:, 0]))


def test_folding_in_a_user_is_the_user_half_step(planted):
    config = FactorizationConfig(factors=2, regularization=0.1, iterations=50)
    model = fit(planted, 60, 40, config)
    mine = planted.user == 7
    bias, factors = fold_in(model, planted.item[mine], planted.rating[mine], config.regularization)
    assert bias == pytest.approx(model.user_bias[7], abs=1e-3)
    assert factors == pytest.approx(model.user_factors[7], abs=1e-3)
    assert fold_in(model, np.array([], int), np.array([]), 0.1)[0] == 0.0


def test_unrated_items_stay_at_zero(planted):
    model = fit(planted, 61, 41, FactorizationConfig(factors=2))
    assert model.item_bias[40] == 0 and not model.item_factors[40].any() and model.user_bias[60] == 0


@pytest.mark.parametrize("bad", [{"factors": 0}, {"iterations": 0}, {"regularization": 0.0}])
def test_bad_config(bad):
    with pytest.raises(UsageError, match="at least 1"):
        FactorizationConfig(**bad)


def test_bundled_models_belong_to_the_bundled_data_and_can_be_made_again(tmp_path, monkeypatch):
    """The shipped factors are found by key (nothing is fitted), and a fresh fit gives them again."""
    monkeypatch.setenv("ILREC_CACHE", str(tmp_path))
    data = catalogue_of(load_dataset())
    is_test, profile = split_of(data.users.id), profiles_of(data)
    shipped = fitting.fitted_models(data, is_test, *profile)
    assert not list(tmp_path.iterdir()), "nothing had to be fitted"
    again = fitting.fit_models(data, is_test, *profile)
    assert again.key == shipped.key
    assert again.holdout_rmse == pytest.approx(shipped.holdout_rmse, abs=1e-3) and shipped.holdout_rmse < 0.83
    users = np.arange(len(data.users.id))
    assert again.truth.predict_all(users) == pytest.approx(shipped.truth.predict_all(users), abs=1e-3)
    assert again.public.predict_all(users) == pytest.approx(shipped.public.predict_all(users), abs=1e-3)


def test_a_damaged_cache_is_refitted(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("ILREC_CACHE", str(tmp_path))
    first = build_scenario(load_dataset(), catalogue_size=60)
    (cached,) = (tmp_path / "factors").iterdir()
    cached.write_bytes(cached.read_bytes()[:500])
    again = build_scenario(load_dataset(), catalogue_size=60)
    assert "refitting" in caplog.text
    assert again.fingerprint == first.fingerprint
    assert np.array_equal(again.truth.item_factors, first.truth.item_factors)
    with pytest.raises(ArtefactError, match="must exist"):
        fitting.read_models(tmp_path / "nothing.npz")


def test_public_factors_never_see_test_users():
    """Changing every rating that a test user gave outside the profile changes nothing that agents see."""
    data = catalogue_of(load_dataset(), catalogue_size=80)
    is_test = split_of(data.users.id)
    items, ratings = profiles_of(data, 5)
    log = data.interactions
    theirs = is_test[log.user]
    assert theirs.any()
    changed = Interactions(log.user, log.item, np.where(theirs, 5.5 - log.rating, log.rating), log.timestamp)
    config = FactorizationConfig(factors=4, iterations=3)
    a, b = (fit(of_users(x, ~is_test), len(is_test), 80, config) for x in (log, changed))
    assert np.array_equal(a.item_factors, b.item_factors) and np.array_equal(a.item_bias, b.item_bias)
    whole = fit(changed, len(is_test), 80, config)
    assert not np.array_equal(a.item_factors, whole.item_factors), "the check can fail"


@pytest.mark.ml1m
def test_held_out_error_on_ml_1m():
    data = catalogue_of(load_dataset("ml-1m"), min_ratings=1)
    rmse = holdout_rmse(data.interactions, len(data.users.id), len(data.items.id), fitting.TRUTH)
    assert rmse < 0.85
