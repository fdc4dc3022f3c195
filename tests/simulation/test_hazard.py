"""The learned hazard: covariates by hand, a fit that recovers what was played with, a user model that plays it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ilrec_gym  # noqa: F401  registers the environments
from ilrec_gym.cards import read_card
from ilrec_gym.data import load_dataset
from ilrec_gym.data.cli import main
from ilrec_gym.errors import DataError, UsageError
from ilrec_gym.simulation.backend import backend_of, to_host
from ilrec_gym.simulation.hazard.fit import HazardFit, calibration, fit_hazard
from ilrec_gym.simulation.hazard.logistic import fit_logistic
from ilrec_gym.simulation.hazard.model import COVARIATES, HazardModel, covariates
from ilrec_gym.simulation.hazard.rows import hazard_rows
from ilrec_gym.simulation.logged_items import logged_items
from ilrec_gym.simulation.preferences import ExplicitRatings
from ilrec_gym.simulation.scenario import load_scenario
from ilrec_gym.simulation.simulator import Simulator
from ilrec_gym.simulation.user_models import describe, make_user_model
from ilrec_gym.simulation.user_models.hazard import Hazard
from ilrec_gym.simulation.world import World

KNOWN = HazardModel(-1.0, rating=-1.5, recent=-1.0, similarity=0.8, log_step=-0.5, log_step_squared=0.1)


@pytest.fixture(scope="module")
def data() -> Any:
    return load_dataset("ml-latest-small")


@pytest.fixture(scope="module")
def scenario() -> Any:
    return load_scenario("ml-latest-small")


@pytest.fixture(scope="module")
def fit(data: Any, scenario: Any) -> HazardFit:
    return fit_hazard(data, scenario)


def world(n_users: int = 40, n_items: int = 60, seed: int = 0) -> World:
    rng = np.random.default_rng(seed)
    vectors = rng.random((n_items, 4)) * (rng.random((n_items, 4)) < 0.5)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return World(
        ExplicitRatings(rng.uniform(1, 5, (n_users, n_items))), vectors, rng.uniform(3, 5, n_users), (1.0, 5.0)
    )


def by_hand(
    items: list[int], ratings: list[float], aspiration: float, vectors: np.ndarray, half: float
) -> list[list[float]]:
    """The covariates of one session, in plain Python."""
    rows, recent, memory = [], 0.0, [0.0] * vectors.shape[1]
    for t, (item, rating) in enumerate(zip(items, ratings, strict=True), start=1):
        z, e = (rating - aspiration) / half, vectors[item].tolist()
        similar = math.fsum(a * b for a, b in zip(e, memory, strict=True))
        rows.append([z, recent, similar, math.log(t), math.log(t) ** 2])
        recent = 0.8 * recent + 0.2 * z
        memory = [0.8 * g + a for g, a in zip(memory, e, strict=True)]
    return rows


def sessions(model: HazardModel, n: int, horizon: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Play n sessions of random items; the covariates by hand of every step, whether the user left, and the session."""
    here, rng = world(), np.random.default_rng(1)
    simulator = Simulator(here, make_user_model(model.as_user_model()), horizon)
    state = simulator.start(rng.integers(0, 40, n), seeds=np.arange(n))
    items = np.argsort(rng.random((n, 60)), axis=1)[:, :horizon]
    left = np.stack([simulator.step(state, items[:, t]).terminated for t in range(horizon)], axis=1)
    x, y, session = [], [], []
    for row in range(n):
        length = int(left[row].argmax()) + 1 if left[row].any() else horizon
        played = items[row, :length].tolist(), state.ratings[row, :length].tolist()
        x += by_hand(*played, here.aspiration[state.users[row]], here.item_vectors, here.half)
        y += left[row, :length].tolist()
        session += [row] * length
    return np.array(x), np.array(y), np.array(session)


def test_the_fit_recovers_what_sessions_were_played_with() -> None:
    x, y, session = sessions(KNOWN, 6000)
    found = fit_logistic(x, y, session)
    known = np.array([getattr(KNOWN, name) for name in ("intercept", *COVARIATES)])
    assert np.abs((found.coefficients - known) / found.errors).max() < 3
    assert found.errors.max() < 0.2, "close enough to tell"
    assert np.abs(known[1:] / found.errors[1:]).min() > 1.5, "each coefficient matters here"


def test_users_leave_as_often_as_the_model_says() -> None:
    x, y, _ = sessions(KNOWN, 3000)
    chance = KNOWN.chance(x)
    off = (y - chance).sum() / math.sqrt((chance * (1 - chance)).sum())
    assert abs(off) < 3
    for row in calibration(chance, y):
        assert row["observed"] == pytest.approx(row["predicted"], abs=4 * math.sqrt(0.25 / row["rows"]))


def test_covariates_of_logs_by_hand(data: Any, scenario: Any) -> None:
    logged = logged_items(data, scenario)
    rows, place = hazard_rows(logged, scenario), 0
    for user in range(6):
        of_user = logged[logged.user == user]
        for number in np.unique(of_user.session):
            one = of_user[of_user.session == number]
            x = by_hand(
                one.item.tolist(), one.rating.tolist(), scenario.aspiration[user], scenario.catalogue.vectors, 2.25
            )
            for i in range(len(one)):
                if one.place[i] >= 20:
                    assert rows.x[place] == pytest.approx(x[i], abs=1e-12)
                    assert (rows.user[place], rows.step[place], rows.left[place]) == (user, i + 1, i == len(one) - 1)
                    place += 1
    assert place > 300 and len(rows) == sum(np.maximum(np.bincount(logged.user) - 20, 0))


def test_a_scenario_of_other_data_is_refused(data: Any, scenario: Any) -> None:
    users = replace(scenario.users, profile_items=scenario.users.profile_items[::-1])
    with pytest.raises(DataError, match="data set that the scenario was made from"):
        logged_items(data, replace(scenario, users=users))


@given(
    b=st.lists(st.floats(-1e3, 1e3), min_size=6, max_size=6),
    x=st.lists(st.floats(-10, 10), min_size=5, max_size=5),
    which=st.integers(0, 4),
)
def test_chances_are_chances_and_follow_their_coefficients(b: list[float], x: list[float], which: int) -> None:
    model, here = HazardModel(*b), np.array([x])
    chance = model.chance(here)[0]
    assert 0 <= chance <= 1
    there = here.copy()
    there[0, which] += 1
    change = model.chance(there)[0] - chance
    assert change >= -1e-12 if b[1 + which] >= 0 else change <= 1e-12


def test_covariates_in_order() -> None:
    one = np.ones(1)
    x = covariates(2 * one, 3 * one, 4 * one, np.array([8]))
    assert x[0] == pytest.approx([2, 3, 4, math.log(8), math.log(8) ** 2])
    for i, name in enumerate(COVARIATES):
        odds = HazardModel(**{"intercept": 0.0, name: 0.1}).chance(x)[0]
        assert math.log(odds / (1 - odds)) == pytest.approx(0.1 * x[0, i])


# The user model ----------------------------------------------------------------------------------------------------


def test_the_defaults_are_the_fit_of_the_bundled_log(fit: HazardFit) -> None:
    assert describe(Hazard()) == {**fit.model.as_user_model(), "kappa": 0.25, "rho": 2.0}
    assert make_user_model("hazard") == Hazard()


@pytest.mark.parametrize("spec", ["hazard", KNOWN.as_user_model() | {"kappa": 0.0}])
def test_sessions_do_not_depend_on_what_plays_beside_them(spec: Any) -> None:
    env, n = gym.make("ilrec/MovieLens-v0", user_model=spec, max_steps=30), 16
    base = env.unwrapped
    ends = []
    for group in (n, 1):
        for first in range(0, n, group):
            seeds = np.arange(first, first + group)
            engine = base.batch(group)
            engine.reset(base.draw_users(seeds), seeds=seeds)
            while engine.running.any():
                engine.step(7 * engine.state.steps + seeds)
            ends += list(zip(engine.state.steps.tolist(), engine.state.exits.tolist(), strict=True))
    assert ends[:n] == ends[n:]
    assert len(set(ends)) > 3, "sessions end at different times"
    for seed in range(n):
        env.reset(seed=seed)
        t, over = 0, False
        while not over:
            _, _, terminated, truncated, info = env.step(7 * t + seed)
            t, over = t + 1, terminated or truncated
        assert ends[seed] == (t, int(terminated)) and info["exit_reason"] == ("hazard" if terminated else "")


def test_torch_plays_the_same() -> None:
    pytest.importorskip("torch")
    here, rng = world(), np.random.default_rng(2)
    users, items = rng.integers(0, 40, 50), rng.integers(0, 60, (12, 50))
    played = []
    for backend in (backend_of(None), backend_of("cpu")):
        simulator = Simulator(here.on(backend), make_user_model(KNOWN.as_user_model()), 12, backend)
        state = simulator.start(users, seeds=np.arange(50))
        left = np.stack([to_host(simulator.step(state, row).terminated) for row in items])
        played.append((left, to_host(state.ratings)))
    assert (played[0][0] == played[1][0]).all() and played[0][0].any()
    np.testing.assert_allclose(played[0][1], played[1][1], atol=1e-12)


@pytest.mark.parametrize(
    "parameters",
    [{"kappa": -1}, {"rho": float("inf")}, {"rating": float("nan")}, {"intercept": "high"}, {"log_step": True}],
)
def test_bad_parameters(parameters: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(parameters))):
        make_user_model({"name": "hazard", **parameters})


# The fit of real sessions --------------------------------------------------------------------------------------------


def test_the_fit_says_what_the_log_says(fit: HazardFit) -> None:
    assert fit.counts["train"] == {"rows": 60695, "leaves": 4396, "users": 470}
    likelihood = fit.log_likelihood
    assert likelihood["hazard"] > likelihood["constant"] + 0.05
    assert fit.auc["hazard"] > 0.85
    # It is how long somebody has been there that tells; what was shown and how it was rated hardly does.
    assert abs(likelihood["hazard"] - likelihood["time_only"]) < 0.002
    assert all(abs(getattr(fit.model, name)) < 2 * fit.errors[name] for name in ("rating", "recent", "similarity"))
    assert fit.model.log_step < -5 * fit.errors["log_step"]
    for row in fit.calibration:
        spread = math.sqrt(row["predicted"] * (1 - row["predicted"]) / row["rows"])
        assert abs(row["observed"] - row["predicted"]) < 3 * spread + 0.01
    for found in fit.lengths.values():
        assert abs(found.real - found.simulated) < 2 * math.hypot(found.real_error, found.simulated_error)


def test_lengths_are_of_sessions_that_begin_after_the_profile(data: Any, scenario: Any, fit: HazardFit) -> None:
    logged = logged_items(data, scenario)
    for name, users in (("train", ~scenario.users.is_test), ("test", scenario.users.is_test)):
        length: dict[int, int] = {}
        late: dict[int, bool] = {}
        for user, number, place in zip(*(c.tolist() for c in (logged.user, logged.session, logged.place)), strict=True):
            if users[user]:
                length[number] = length.get(number, 0) + 1
                late.setdefault(number, place >= 20)
        real = [min(n, 100) for number, n in length.items() if late[number]]
        found = fit.lengths[name]
        assert (found.sessions, found.real) == (len(real), pytest.approx(np.mean(real)))
        assert found.real_quartiles == pytest.approx(np.quantile(real, [0.25, 0.5, 0.75]))
        assert found.simulated_quartiles[0] >= 1 and found.simulated <= 100


def test_filled_in_times_have_to_be_forced(data: Any, scenario: Any) -> None:
    log = data.interactions
    even = replace(data, interactions=replace(log, timestamp=log.timestamp // 10**9 * 10**9 + 15 * np.arange(len(log))))
    even = replace(
        even,
        interactions=replace(
            even.interactions, timestamp=np.where(log.user % 2, even.interactions.timestamp, log.timestamp)
        ),
    )
    with pytest.raises(DataError, match="--inexact-times"):
        fit_hazard(even, scenario)


def test_the_command_writes_what_the_environment_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hazard.json"
    assert main(["hazard", "ml-latest-small", "--gap", "30", "--output", str(path)]) == 0
    out = capsys.readouterr().out
    assert all(words in out for words in ("cut at 30 minutes", "log_step_squared", "constant hazard", "simulated"))
    spec = json.loads(path.read_text())
    env = gym.make("ilrec/MovieLens-v0", user_model=spec)
    assert describe(env.unwrapped.user_model) == {**spec, "kappa": 0.25, "rho": 2.0}
    card = read_card(path, kind="hazard")
    assert card["parameters"] == {"dataset": "ml-latest-small", "gap": 30, "log_end": "data", "inexact_times": False}
    assert card["fit"]["lengths"]["test"]["sessions"] > 1000


def test_the_command_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hazard", "ml-latest-small", "--gap", "-1"]) == 2
    assert "gap must be a number of minutes" in capsys.readouterr().err
    assert main(["hazard", "ml-latest-small", "--gap", "100000000"]) == 2
    assert "wide gap" in capsys.readouterr().err or "gap that nobody" in capsys.readouterr().err


@pytest.mark.ml1m
def test_ml_1m_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hazard", "ml-1m"]) == 2
    assert "must be real ones" in capsys.readouterr().err
