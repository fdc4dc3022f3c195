"""Feedback without ratings: factors solve their equations, ranking measures count right, scores become ratings."""

from __future__ import annotations

import logging

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilrec_gym.data import InteractionData, profiles_of, split_of
from ilrec_gym.errors import DataError, UsageError
from ilrec_gym.simulation.implicit import factorization
from ilrec_gym.simulation.implicit.factorization import Choices, ImplicitConfig, fit, user_factors
from ilrec_gym.simulation.implicit.models import REGULARIZATIONS, implicit_models
from ilrec_gym.simulation.implicit.ranking import held_out, ranking
from ilrec_gym.simulation.implicit.score_scale import as_ratings, leaning
from ilrec_gym.simulation.preferences import aspirations


def drawn(seed: int, n_users: int, n_items: int, share: float = 0.3) -> Choices:
    rng = np.random.default_rng(seed)
    user, item = np.nonzero(rng.random((n_users, n_items)) < share)
    return Choices(user, item, rng.random(len(user)) < 0.8)


def loss(choices: Choices, users: np.ndarray, items: np.ndarray, config: ImplicitConfig) -> float:
    """The objective as it stands in the module's first lines, over every pair."""
    p, c = np.zeros((len(users), len(items))), np.ones((len(users), len(items)))
    p[choices.user, choices.item] = choices.liked
    c[choices.user, choices.item] = 1 + config.alpha
    n_u, n_i = (np.bincount(k, minlength=n) for k, n in ((choices.user, len(users)), (choices.item, len(items))))
    penalty = (np.sqrt(n_u + len(items)) * np.square(users).sum(1)).sum()
    penalty += (np.sqrt(n_i + len(users)) * np.square(items).sum(1)).sum()
    return float((c * np.square(p - users @ items.T)).sum() + config.regularization * penalty)


@pytest.mark.parametrize("factors", [2, 6, 40])  # fewer and more factors than users have rows: both ways to solve
def test_user_factors_minimise_the_objective(factors: int) -> None:
    choices, rng = drawn(0, 20, 25), np.random.default_rng(1)
    config = ImplicitConfig(factors=factors, alpha=2.5, regularization=0.2)
    items = rng.standard_normal((25, factors))
    users = user_factors(choices, 20, items, config)
    for user in range(20):  # the equations of one user, written out over every item
        rows = choices.user == user
        weight, wanted = np.ones(25), np.zeros(25)
        weight[choices.item[rows]], wanted[choices.item[rows]] = 3.5, choices.liked[rows]
        normal = (items.T * weight) @ items + 0.2 * np.sqrt(rows.sum() + 25) * np.eye(factors)
        assert users[user] == pytest.approx(np.linalg.solve(normal, (items.T * weight) @ wanted), abs=1e-9)
    best = loss(choices, users, items, config)
    for _ in range(30):
        assert loss(choices, users + 1e-3 * rng.standard_normal(users.shape), items, config) > best
    assert not users[np.setdiff1d(np.arange(20), choices.user[choices.liked])].any()


def test_every_pass_lowers_the_objective() -> None:
    choices, values = drawn(3, 30, 20), []
    for iterations in (1, 2, 4, 8):
        config = ImplicitConfig(factors=4, iterations=iterations)
        items = fit(choices, 30, 20, config)
        values.append(loss(choices, user_factors(choices, 30, items, config), items, config))
    assert values == sorted(values, reverse=True) and values[0] > values[-1]


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    choices, config = drawn(5, 60, 30, share=0.5), ImplicitConfig(factors=5, iterations=2)
    whole = fit(choices, 60, 30, config)
    monkeypatch.setattr(factorization, "_CELLS", 40)
    assert np.allclose(fit(choices, 60, 30, config), whole, rtol=1e-8, atol=1e-10)


def test_a_thumb_down_lowers_the_score() -> None:
    up = Choices(np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 1, 2, 3]), np.ones(6, bool))
    down = Choices(np.append(up.user, 0), np.append(up.item, 2), np.append(up.liked, False))
    config = ImplicitConfig(factors=3, iterations=20)
    with_, without = (
        (lambda items: user_factors(c, 3, items, config)[0] @ items[2])(fit(c, 3, 4, config)) for c in (down, up)
    )
    assert with_ < without + 1e-9


@pytest.mark.parametrize(
    "wrong", [{"factors": 0}, {"iterations": 0}, {"regularization": 0.0}, {"alpha": -1.0}, {"alpha": float("nan")}]
)
def test_settings_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="must be at least 1"):
        ImplicitConfig(**wrong)  # type: ignore[arg-type]


@given(st.integers(0, 1000))
def test_held_out_is_a_tenth_of_what_was_liked(seed: int) -> None:
    choices = drawn(seed, 40, 30)
    held = held_out(choices, seed=seed)
    assert not held[~choices.liked].any()
    assert held.sum() / choices.liked.sum() == pytest.approx(0.1, abs=0.09)
    kept = choices.where(~held & choices.liked)
    assert set(kept.user) == set(choices.user[choices.liked])


def test_ranking_measures_by_hand() -> None:
    rest = Choices(np.array([0, 1]), np.array([0, 1]), np.ones(2, bool))
    held = Choices(np.array([0, 0, 1]), np.array([2, 30, 5]), np.ones(3, bool))
    scores = np.tile(-np.arange(40.0), (2, 1))  # item 0 first; what the rest of the log has is not ranked
    found = ranking(lambda users: scores[users], rest, held)
    # User 0: items 2 and 30 stand at 1 and 29 of 39. User 1: item 5 at 4 of 39.
    gain, ideal = 1 / np.log2(3), 1 + 1 / np.log2(3)
    assert found.recall == pytest.approx((1 / 2 + 1) / 2)
    assert found.ndcg == pytest.approx((gain / ideal + 1 / np.log2(6)) / 2)
    assert found.auc == pytest.approx((1 - (1 + 29) / 2 / 38 + 1 - 4 / 38) / 2)
    tied = ranking(lambda users: np.zeros((len(users), 40)), rest, held)
    assert tied.auc == pytest.approx(0.5)


@given(st.integers(0, 500), st.sampled_from([(1.0, 5.0), (0.0, 1.0), (-3.0, 7.0)]))
def test_scores_become_ratings_by_two_quantiles(seed: int, scale: tuple[float, float]) -> None:
    rng = np.random.default_rng(seed)
    users, items = rng.standard_normal((12, 3)), rng.standard_normal((101, 3))
    among = rng.random(12) < 0.7
    model = as_ratings(users, items, scale, among if among.any() else None)
    ratings, scores = model.predict_all(np.arange(12)), users @ items.T
    assert (np.argsort(ratings) == np.argsort(scores)).all()
    low, width = scale[0], scale[1] - scale[0]
    assert np.quantile(ratings, 0.5, axis=1) == pytest.approx(low + 0.5 * width)
    assert np.quantile(ratings, 0.98, axis=1) == pytest.approx(low + 0.98 * width)
    if among.any():  # the item bias is what the mean user thinks of an item
        mean = ratings[among].mean(axis=0)
        assert model.mean + model.item_bias == pytest.approx(mean)
    assert aspirations(model, 12, scale) == pytest.approx(low + 0.98 * width, abs=0.1 * width)


def test_users_of_whom_nothing_is_known_have_common_taste() -> None:
    rng = np.random.default_rng(0)
    known, items = rng.standard_normal((6, 3)) + 1, rng.standard_normal((50, 3))
    users = leaning(np.concatenate([known, np.zeros((1, 3)), np.full((1, 3), 1e-30)]), np.arange(8) < 6)
    ratings = as_ratings(users, items, (1, 5)).predict_all(np.arange(8))
    common = np.argsort(items @ known.mean(axis=0))
    assert (np.argsort(ratings[6]) == common).all() and (np.argsort(ratings[7]) == common).all()
    assert np.abs(ratings).max() < 50
    assert as_ratings(np.zeros((2, 3)), items, (1, 5)).predict_all(np.arange(2)) == pytest.approx(3)


def tribes(n_users: int = 120, n_items: int = 60, per_user: int = 12) -> InteractionData:
    """Users of three tribes, each of which chooses among its own third of the items, four times in five."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(n_users):
        own = rng.permutation(np.arange(n_items)[np.arange(n_items) % 3 == user % 3])
        others = rng.permutation(n_items)
        rows += [(user, int(i)) for i in dict.fromkeys([*own[: per_user * 4 // 5], *others[: per_user // 5]])]
    return InteractionData.from_frame(pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row"), name="tribes")


def test_the_models_of_tribes_know_them() -> None:
    data = tribes()
    is_test = split_of(data.users.own_ids)
    models = implicit_models(data, is_test, *profiles_of(data, 6))
    assert models.holdout["ndcg@20"] > 1.5 * models.holdout["popularity_ndcg@20"]
    assert models.holdout["recall@20"] > 0.7 and models.holdout["auc"] > 0.75
    assert models.holdout["regularization"] in REGULARIZATIONS
    own = data.users.id[:, None] % 3 == data.items.id % 3
    for model, users in ((models.truth, np.arange(120)), (models.public, np.flatnonzero(is_test))):
        ratings = model.predict_all(users)
        assert ratings[own[users]].mean() > ratings[~own[users]].mean() + 0.8


def test_the_public_factors_see_nothing_of_test_users_but_their_profiles() -> None:
    data = tribes()
    is_test = split_of(data.users.own_ids)
    profiles = profiles_of(data, 6)
    log = data.interactions
    place = np.arange(len(log)) - np.searchsorted(log.user, log.user)
    keep = ~is_test[log.user] | (place < 6)
    rows = pl.DataFrame({"user_id": data.users.id[log.user[keep]], "item_id": data.items.id[log.item[keep]]})
    less = InteractionData.from_frame(rows, pl.DataFrame({"item_id": data.items.id}), name="less")
    whole, part = implicit_models(data, is_test, *profiles), implicit_models(less, is_test, *profiles)
    assert np.array_equal(whole.public.item_factors, part.public.item_factors)
    assert np.array_equal(whole.public.user_factors, part.public.user_factors)
    assert whole.holdout == part.holdout
    assert not np.array_equal(whole.truth.item_factors, part.truth.item_factors)


def test_a_log_of_mere_popularity_is_called_so(caplog: pytest.LogCaptureFixture) -> None:
    rng = np.random.default_rng(0)
    chance = 0.7 ** np.arange(40)
    rows = [(u, int(i)) for u in range(150) for i in rng.choice(40, 4, replace=False, p=chance / chance.sum())]
    data = InteractionData.from_frame(pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row"), name="crowd")
    with caplog.at_level(logging.WARNING):
        models = implicit_models(data, split_of(data.users.own_ids), *profiles_of(data))
    assert "crowd" in caplog.text and "popularity" in caplog.text
    assert models.holdout["ndcg@20"] <= models.holdout["popularity_ndcg@20"]


@pytest.mark.parametrize("thumbs", [[False, False], [False, True]])
def test_some_train_user_has_to_like_something(thumbs: list[bool]) -> None:
    data = InteractionData.from_frame(pl.DataFrame({"user_id": [1, 2], "item_id": [1, 2], "rating": thumbs}))
    with pytest.raises(DataError, match="some train user must like something"):
        implicit_models(data, np.array([False, True]), *profiles_of(data))
