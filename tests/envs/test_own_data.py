"""From small tables to a playable environment: ratings, thumbs and implicit feedback, labels, files and the cache."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import polars as pl
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env

import ilrec_gym  # noqa: F401
from ilrec_agents import make_agent
from ilrec_gym.data import InteractionData, split_of
from ilrec_gym.errors import ArtefactError, UsageError
from ilrec_gym.evaluation import evaluate, paired_difference
from ilrec_gym.simulation import fitting
from ilrec_gym.simulation.scenario import build_scenario, load_scenario

GENRES = ("calm", "loud", "odd")


def tables(seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ratings 1..10 by 150 users, each of whom likes one genre of three, and what the 60 items are."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(150):
        weights = np.where(np.arange(60) % 3 == user % 3, 4, 1)
        items = rng.choice(60, 20, replace=False, p=weights / weights.sum())
        rows += [(f"user-{user}", int(i), float(8 * (i % 3 == user % 3) + rng.integers(1, 3))) for i in items]
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "rating"], orient="row")
    return log, pl.DataFrame({"item_id": range(60), "genres": [GENRES[i % 3] for i in range(60)]})


def data_of(kind: str) -> InteractionData:
    log, items = tables()
    if kind == "thumbs":
        log = log.with_columns(rating=pl.col("rating") > 5)
    if kind == "implicit":
        log = log.filter(pl.col("rating") > 5).drop("rating")
    scale = (1, 10) if kind == "explicit" else None
    return InteractionData.from_frame(log, items, name=f"own-{kind}", rating_scale=scale)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ILREC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "factors"


@pytest.mark.parametrize("kind", ["explicit", "thumbs", "implicit"])
def test_every_kind_of_feedback_plays(kind: str) -> None:
    data = data_of(kind)
    env = gym.make("ilrec/MovieLens-v0", dataset=data, render_mode="ansi")
    check_env(env.unwrapped, skip_render_check=True)
    scenario = env.unwrapped.scenario
    assert scenario.feedback == kind and scenario.rating_scale == data.rating_scale
    assert scenario.catalogue.labels == () and scenario.users.labels == data.users.labels
    assert (scenario.users.is_test == split_of(data.users.labels)).all()
    low, high = data.rating_scale
    if kind == "explicit":
        assert scenario.holdout["rmse"] < 2.5 and scenario.holdout_rmse == scenario.holdout["rmse"]
    else:
        assert scenario.holdout["auc"] > 0.7 and np.isnan(scenario.holdout_rmse)
        assert np.allclose(scenario.aspiration, low + 0.98 * (high - low), atol=0.1)
    fan = np.array([int(label.split("-")[1]) for label in scenario.users.labels]) % 3
    loved = scenario.truth.predict_all(np.arange(len(fan)))
    own = scenario.catalogue.genres[:, :3].T[[sorted(GENRES).index(GENRES[f]) for f in fan]]
    assert loved[own].mean() > loved[~own].mean() + 0.25 * (high - low)


@pytest.mark.parametrize("kind", ["explicit", "thumbs", "implicit"])
def test_taste_pays_in_each(kind: str) -> None:
    env = gym.make("ilrec/MovieLens-v0", dataset=data_of(kind), split="test", profile_length=8)
    results = {name: evaluate(make_agent(name, env), env) for name in ("random", "greedy", "oracle_one_step")}
    for below, above in (("random", "greedy"), ("greedy", "oracle_one_step")):
        step = paired_difference(results[above].per_user("R_traj"), results[below].per_user("R_traj"))
        assert step.low > 0, f"{kind}: {below} < {above}"


def test_a_user_is_asked_for_by_their_own_id() -> None:
    env = gym.make("ilrec/MovieLens-v0", dataset=data_of("implicit"), split="all")
    _, info = env.reset(options={"user_id": "user-17"})
    users = env.unwrapped.scenario.users
    assert users.labels[info["user_index"]] == "user-17"
    assert env.reset(options={"user_id": info["user_id"]})[1]["user_index"] == info["user_index"]
    with pytest.raises(UsageError, match=r"users\.labels.*'user-0'"):
        env.reset(options={"user_id": "nobody"})


def test_without_times_the_profile_is_the_first_rows() -> None:
    log, items = tables()
    shuffled = log.sample(fraction=1, shuffle=True, seed=1)
    data = InteractionData.from_frame(shuffled, items, name="own")
    users = build_scenario(data, profile_length=5).users
    for user in (0, 70, 149):
        first = shuffled.filter(pl.col("user_id") == users.labels[user])["item_id"].to_list()[:5]
        assert users.profile_items[user].tolist() == first
    assert not data.dated


def test_an_evaluation_of_data_given_as_an_object_has_a_json_spec() -> None:
    env = gym.make("ilrec/MovieLens-v0", dataset=data_of("thumbs"), split="test")
    result = evaluate(make_agent("random", env), env, episodes=3)
    assert result.env_spec["id"] == "ilrec/MovieLens-v0"
    assert result.env_spec["kwargs"]["dataset"] == "own-thumbs" and result.env_spec["kwargs"]["split"] == "test"


def test_a_file_of_own_data_makes_a_spec_that_serialises(tmp_path: Path) -> None:
    data = data_of("implicit")
    data.save(tmp_path / "own.npz")
    env = gym.make("ilrec/MovieLens-v0", dataset="file", data_path=str(tmp_path / "own.npz"))
    again = EnvSpec.from_json(env.spec.to_json()).make()
    given = gym.make("ilrec/MovieLens-v0", dataset=data)
    sessions = [played(each) for each in (env, again, given)]
    assert sessions[0] == sessions[1] == sessions[2]
    assert env.unwrapped.fingerprint == given.unwrapped.fingerprint


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    data_of("implicit").save(path)
    assert load_scenario("file", str(path)).feedback == "implicit"
    assert load_scenario("file", str(path)) is load_scenario("file", str(path))
    data_of("thumbs").save(path)
    assert load_scenario("file", str(path)).feedback == "thumbs"
    path.unlink()
    with pytest.raises(ArtefactError, match="must exist"):
        load_scenario("file", str(path))


@pytest.mark.parametrize("kind", ["explicit", "implicit"])
def test_fitted_once_and_kept(kind: str, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_scenario(data_of(kind))
    (kept,) = own_cache.iterdir()
    assert kept.name.startswith(f"own-{kind}-")

    def refuse(*_: Any) -> None:
        raise AssertionError("fitted again")

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "fit_models", refuse)
        second = build_scenario(data_of(kind))
        assert second.holdout == first.holdout and second.fingerprint == first.fingerprint
        assert np.array_equal(second.truth.user_factors, first.truth.user_factors)
        with pytest.raises(AssertionError, match="fitted again"):
            build_scenario(data_of(kind), profile_length=3)
    log, items = tables(seed=1)
    other = build_scenario(InteractionData.from_frame(log, items, name=f"own-{kind}"))
    assert other.fingerprint != first.fingerprint and len(list(own_cache.iterdir())) == 2


def test_ratings_on_any_scale_are_fitted_alike() -> None:
    log, items = tables()
    models = []
    for times in (1, 16):
        rated = log.with_columns(rating=pl.col("rating") * times)
        scale = (times * 1.0, times * 10.0)
        models.append(build_scenario(InteractionData.from_frame(rated, items, rating_scale=scale, name="own")))
    one, other = models
    users = np.arange(50)
    assert other.holdout_rmse == pytest.approx(16 * one.holdout_rmse, rel=1e-6)
    assert other.truth.predict_all(users) == pytest.approx(16 * one.truth.predict_all(users), rel=1e-5)
    assert other.public.predict_all(users) == pytest.approx(16 * one.public.predict_all(users), rel=1e-5)


def test_without_genres_it_plays_too() -> None:
    log, _ = tables()
    env = gym.make("ilrec/MovieLens-v0", dataset=InteractionData.from_frame(log, name="bare"))
    assert env.unwrapped.scenario.catalogue.genre_names == ("unknown",)
    played(env)


def test_large_evaluations_are_played_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    env = gym.make("ilrec/MovieLens-v0", dataset=data_of("implicit"), split="test")
    for name in ("random", "mmr"):
        agent = make_agent(name, env, seed=3)
        whole = evaluate(agent, env, seed=5)
        with monkeypatch.context() as patch:
            patch.setattr(sys.modules[evaluate.__module__], "_CELLS", 500)
            parts = evaluate(agent, env, seed=5)
        for part in ("items", "user_ids", "lengths", "terminated", "exit_reasons"):
            assert (getattr(whole.log, part) == getattr(parts.log, part)).all(), part
        assert np.array_equal(whole.log.ratings, parts.log.ratings, equal_nan=True)
        assert isinstance(parts.log.seconds_per_decision, float) and parts.ms_per_decision >= 0


def played(env: gym.Env[Any, Any]) -> list[tuple[int, float]]:
    """A short session by seed."""
    steps, ended = [], False
    _, info = env.reset(seed=3)
    while not ended and len(steps) < 12:
        action = (7 * len(steps)) % env.unwrapped.action_space.n
        _, reward, terminated, truncated, info = env.step(action)
        steps.append((info["user_id"], reward))
        ended = terminated or truncated
    return steps
