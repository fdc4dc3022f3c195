"""In a world whose values are known, estimates come near them, as near as their intervals say."""

from __future__ import annotations

import csv
import math
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from logged_worlds import bundled_sessions, logged, value_by_enumeration

from ilrec_agents import make_agent
from ilrec_agents.offline.dataset import write_hdf5
from ilrec_agents.offline.fqe import FQEConfig, fit_q, following
from ilrec_agents.offline.to_go import returns_to_go
from ilrec_agents.ope import ESTIMATORS, WeightedSessions, softened, study
from ilrec_agents.ope.checks import without_support
from ilrec_agents.ope.crossfit import with_values
from ilrec_agents.ope.logged_infos import target_probabilities
from ilrec_agents.task import Task
from ilrec_gym.cli import main
from ilrec_gym.errors import UsageError

WEIGHTED = [name for name, e in ESTIMATORS.items() if not e.fits_q]
QUICK = FQEConfig(hidden=32, batch_size=64, start_updates=150, iteration_updates=100)


def test_the_truth_is_the_truth(env, targets):
    found = study(logged(200), targets, env, horizons=[2, None], estimators=["is"], repeats=40, resamples=50)
    for (target, horizon), (estimate,) in found.groups.items():
        truth = value_by_enumeration(targets[target], env, horizon)
        if target == "top":
            assert estimate.truth.low == estimate.truth.high == pytest.approx(truth, abs=1e-9)
        else:
            error = (estimate.truth.high - estimate.truth.low) / 2 / 1.96
            assert 0 < error < 0.2 and abs(estimate.truth.mean - truth) < 4 * error


def test_estimates_come_near(env, targets):
    found = study(logged(), targets, env, fqe=QUICK, horizons=[3], repeats=20, resamples=300, device="cpu")
    for e in found.estimates:
        assert e.holds or abs(e.error) < 0.03 * e.truth.mean, e
        assert abs(e.error) < (0.05 if e.estimator != "is" else 0.15) * e.truth.mean, e
        assert e.unsupported == 0
    for target in ("half", "scorer"):  # all of them know more than the logged mean
        truth = found.of(target, 3, "wpdis").truth.mean
        assert abs(found.of(target, 3, "wdr").error) < abs(found.logged[3].mean - truth)
        assert found.of(target, 3, "is").effective_sessions < found.sessions


def test_intervals_hold_as_often_as_they_say(env, targets):
    """60 data sets of 150 sessions each: what holds the truth, and what is right on average."""
    data, target, horizon = logged(36_000, 1000), targets["half"], 3
    truth = value_by_enumeration(target, env, horizon)
    steps = WeightedSessions.of(data, target_probabilities(target, data), horizon=horizon)
    rng, inside, means = np.random.default_rng(0), dict.fromkeys(WEIGHTED, 0), {name: [] for name in WEIGHTED}
    for part in np.array_split(rng.permutation(len(data)), 60):
        counts = rng.multinomial(len(part), np.full(len(part), 1 / len(part)), size=300)
        whole = np.zeros((301, len(data)))
        whole[:300, part], whole[300, part] = counts, 1
        for name in WEIGHTED:
            values = ESTIMATORS[name].function(steps, whole)
            low, high = np.quantile(values[:300], [0.025, 0.975])
            inside[name] += low <= truth <= high
            means[name].append(values[300])
    assert all(inside[name] / 60 >= 0.85 for name in ("wis", "wpdis")), inside
    for name in ("is", "pdis"):
        assert np.mean(means[name]) == pytest.approx(truth, abs=3 * np.std(means[name]) / math.sqrt(60))


def test_fitted_q_honours_the_whole_policy(env, targets):
    """V is the expectation over actions; the best action alone would be far off."""
    data, task = logged(), Task.of(env)
    uniform = softened(targets["top"], epsilon=1.0)
    values = {}
    for name, agent in (("uniform", uniform), ("top", targets["top"])):
        p = target_probabilities(agent, data)
        steps = with_values(WeightedSessions.of(data, p, horizon=4), data, p, task, config=QUICK, seed=1, device="cpu")
        values[name] = float(steps.v[:, 0].mean())
        assert values[name] == pytest.approx(value_by_enumeration(agent, env, 4), rel=0.03)
    assert values["top"] - values["uniform"] > 0.02 * values["uniform"]


def test_what_fitted_q_learns_from():
    data = logged(40)
    to_go = returns_to_go(data, data.transitions().rewards, 0.5)
    first = data.episodes[0].rewards.astype(float)
    assert to_go[: len(first)] == pytest.approx([sum(first[t:] * 0.5 ** np.arange(len(first) - t)) for t in range(4)])
    p = np.random.default_rng(0).random((data.n_transitions, 4))
    shifted = following(data, p)
    assert shifted[0] == pytest.approx(p[1]) and (shifted[3] == 0).all() and shifted[4] == pytest.approx(p[5])


def test_each_session_gets_its_values_from_the_others(env, targets, monkeypatch):
    data, fitted_on = logged(80), []

    def noting(dataset, probabilities, task, **settings):
        fitted_on.append({id(e) for e in dataset.episodes})
        assert len(probabilities) == dataset.n_transitions
        return lambda x: np.full((len(x), 4), float(len(fitted_on)))

    monkeypatch.setattr("ilrec_agents.ope.crossfit.fit_q", noting)
    p = target_probabilities(targets["half"], data)
    steps = with_values(WeightedSessions.of(data, p, horizon=2), data, p, Task.of(env))
    assert not fitted_on[0] & fitted_on[1] and len(fitted_on[0] | fitted_on[1]) == len(data)
    for episode, q, v in zip(data.episodes, steps.q, steps.v, strict=True):
        who = 1 if id(episode) in fitted_on[1] else 2
        assert (q == who).all() and v == pytest.approx(np.full(2, who))


def test_same_seed_same_values(env, targets):
    data, task = logged(80), Task.of(env)
    p = target_probabilities(targets["half"], data)
    config = FQEConfig(hidden=8, start_updates=5, iteration_updates=3)
    one, two, other = (
        fit_q(data, p, task, horizon=3, config=config, seed=seed, device="cpu")(data.episodes[0].observations)
        for seed in (0, 0, 1)
    )
    assert (one == two).all() and (one != other).any()


def test_support(env, targets):
    data = logged(80)
    p = target_probabilities(targets["top"], data)
    assert without_support(data, p) == 0
    never = np.tile([0, 1 / 3, 1 / 3, 1 / 3], (4, 1))
    spoilt = replace(data, episodes=tuple(
        replace(e, extras={**e.extras, "probabilities": never}) if i % 2 else e for i, e in enumerate(data.episodes)
    ))  # fmt: skip
    assert without_support(spoilt, p) == pytest.approx(0.5, abs=0.06)


# Bad input ------------------------------------------------------------------------------------------------------------


def changed(data, **extras):
    """The first session with other extras; None takes one away."""
    first = data.episodes[0]
    kept = {name: value for name, value in {**first.extras, **extras}.items() if value is not None}
    return replace(data, episodes=(replace(first, extras=kept), *data.episodes[1:]))


def per_step(data, name):
    """An axis of one more, in one of the extras of every session."""
    changed = (replace(e, extras={**e.extras, name: e.extras[name][:, None]}) for e in data.episodes)
    return replace(data, episodes=tuple(changed))


@pytest.mark.parametrize(
    ("spoil", "options", "rule"),
    [
        (lambda data: changed(data, propensity=None), {}, "extra 'propensity'"),
        (lambda data: changed(data, propensity=np.zeros(4)), {}, "propensity must be above 0"),
        (lambda data: changed(data, propensity=np.full(4, math.nan)), {}, "propensity must be above 0"),
        (lambda data: changed(data, propensity=np.full((4, 1), 0.5)), {}, "one shape in all sessions"),
        (lambda data: per_step(data, "propensity"), {}, "one number per step"),
        (lambda data: replace(data, n_actions=5), {}, "must have 4 actions"),
        (lambda data: data.with_rewards(data.transitions().rewards + 1), {}, "ratings that viewers gave"),
        (lambda data: "log.h5", {}, "needs a SessionDataset"),
        (lambda data: data, {"horizons": [0]}, "horizons"),
        (lambda data: data, {"horizons": []}, "at least one"),
        (lambda data: data, {"repeats": 0}, "repeats"),
        (lambda data: data, {"resamples": 1.5}, "resamples"),
        (lambda data: data, {"gamma": 2.0}, "gamma"),
        (lambda data: data, {"estimators": ["wiss"]}, "did you mean 'wis'"),
        (lambda data: data, {"agents": {}}, "at least one"),
    ],
)
def test_refused(env, targets, spoil, options, rule):
    chosen = {"agents": {"half": targets["half"]}, "estimators": ["wis"], "repeats": 1, "resamples": 5} | options
    with pytest.raises(UsageError, match=rule):
        study(spoil(logged(80)), chosen.pop("agents"), env, **chosen)


def test_another_environments_dataset_is_refused(targets):
    other = gym.make("ilrec/MovieLens-Candidates-v0")
    with pytest.raises(UsageError, match="differs in: .*max_steps"):
        study(logged(80), {"top": make_agent("retriever_top1", other)}, other)


# Output ---------------------------------------------------------------------------------------------------------------


def test_tables_and_picture(env, targets, tmp_path):
    found = study(logged(200), targets, env, estimators=["is", "wis"], horizons=[1, 4], repeats=2, resamples=50)
    text = found.to_markdown()
    assert len([line for line in text.splitlines() if line.startswith("| ")]) == 1 + 12 and "not defined" in text
    records = found.to_records()
    assert {(r["target"], r["horizon"], r["estimator"]) for r in records} == {
        (t, h, e) for t in targets for h in (1, 4) for e in ("is", "wis")
    }
    paths = found.save(tmp_path / "out")
    assert [path.name for path in paths] == ["ope.md", "ope.csv", "ope.png"] and all(p.stat().st_size for p in paths)
    rows = list(csv.DictReader(paths[1].read_text().splitlines()))
    assert float(rows[0]["estimate"]) == pytest.approx(records[0]["estimate"], rel=1e-5)
    first = found.of("top", 4, "wis")
    assert float(rows[3]["error"]) == pytest.approx(first.value.mean - first.truth.mean, rel=1e-4, abs=1e-5)


def test_the_command(tmp_path, capsys):
    env, data = bundled_sessions(max_steps=6, steps=600)
    write_hdf5(data, tmp_path / "log.h5")
    arguments = ["ope", "--data", str(tmp_path / "log.h5"), "--agent", "retriever_top1", "--agent", "random_masked"]
    more = ["--horizon", "2", "--epsilon", "0.5", "--epsilon", "1", "--estimator", "wis", "--estimator", "pdis"]
    assert main([*arguments, *more, "--set-env", "max_steps=6", "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "retriever_top1, epsilon 0.5" in told and "random_masked" in told and "ope.png" in told
    rows = list(csv.DictReader((tmp_path / "out" / "ope.csv").read_text().splitlines()))
    assert len(rows) == 8 and {row["horizon"] for row in rows} == {"2"}
    uniform = [row for row in rows if "epsilon 1" in row["target"]]
    assert {row["holds"] for row in uniform} == {"True"}
    assert main([*arguments, *more]) == 2  # the environment's horizon is another one
    assert "differs in: max_steps" in capsys.readouterr().err
