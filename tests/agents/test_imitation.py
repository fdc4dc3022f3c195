"""Inverse RL: the discriminator finds what is there and nothing else; rewards, relabelling, files, bad input."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from ilrec_agents import make_agent
from ilrec_agents.imitation.gail import FORMS
from ilrec_agents.imitation.relabel import constant, relabel, shuffled
from ilrec_agents.imitation.reward_model import REWARD, REWARD_MODELS, load_reward_model, make_reward_model
from ilrec_agents.offline.dataset import SessionDataset
from ilrec_gym.auc import auc
from ilrec_gym.cards import card_path, read_card
from ilrec_gym.errors import ArtefactError, UnknownNameError, UsageError
from ilrec_gym.evaluation import evaluate, paired_difference

SMALL = {"hidden": 32, "updates": 400, "learning_rate": 1e-2}


def first(dataset: SessionDataset, n: int) -> SessionDataset:
    return replace(dataset, episodes=dataset.episodes[:n])


@pytest.fixture(scope="module")
def log(play: Any) -> SessionDataset:
    return play("logging", 500)


@pytest.fixture(scope="module")
def expert(play: Any) -> SessionDataset:
    """An expert with a known preference: among the offered, the film with the most ratings. Train users as well."""
    return play("popular", 120, seed=10_000)


@pytest.fixture(scope="module")
def model(env: gym.Env, expert: SessionDataset, log: SessionDataset) -> Any:
    return make_reward_model("gail", env, **SMALL).fit(first(expert, 100), log)


def rewards_of(model: Any, dataset: SessionDataset) -> np.ndarray:
    steps = dataset.transitions()
    return model(steps.observations, steps.actions, steps.next_observations, steps.terminals)


# What is learned --------------------------------------------------------------------------------------------------


def test_it_tells_an_expert_from_the_log_on_sessions_it_has_not_seen(
    model: Any, expert: SessionDataset, log: SessionDataset, play: Any
) -> None:
    new_expert, new_log = replace(expert, episodes=expert.episodes[100:]), play("logging", 100, seed=20_000)
    assert model.report["auc"] > 0.85
    assert auc(rewards_of(model, new_expert), rewards_of(model, new_log)) > 0.85


def test_it_ranks_the_expert_s_choice_above_the_log_s(model: Any, env: gym.Env, play: Any) -> None:
    """In the log's own observations, so that nothing but the choice differs."""
    steps = play("logging", 100, seed=20_000).transitions()
    popularity = env.unwrapped.layout.candidates(steps.observations)[..., 5]
    wanted = popularity.argmax(axis=1)
    differs = wanted != steps.actions
    of = [model(steps.observations, a, steps.next_observations, steps.terminals) for a in (wanted, steps.actions)]
    assert (of[0] > of[1])[differs].mean() > 0.85


def test_it_finds_nothing_where_there_is_nothing(env: gym.Env, log: SessionDataset, play: Any) -> None:
    """The control: demonstrations from the policy that wrote the log. Then D stays near 1/2 and rewards near 0."""
    model = make_reward_model("gail", env, **SMALL).fit(play("logging", 40, seed=30_000), log)
    fresh = [rewards_of(model, play("logging", 100, seed=seed)) for seed in (40_000, 50_000)]
    assert abs(auc(*fresh) - 0.5) < 0.03
    assert abs(model.report["auc"] - 0.5) < 0.08
    assert model.report["loss"] == pytest.approx(np.log(2), abs=0.01)
    assert np.quantile(np.abs(fresh[0]), 0.95) < 0.5


def test_an_agent_follows_the_learned_reward(env: gym.Env, log: SessionDataset, play: Any) -> None:
    """From 120 sessions of the retriever's first, cql on the log gains 33 to 35 over chance by learning their reward
    (three seeds), and -13 to 1 from the same rewards dealt out anew. The true rating is not used."""
    model = make_reward_model("gail", env, form="advantage", updates=75)
    learned = relabel(log, model.fit(play("retriever_top1", 120, seed=10_000), log))
    chance = evaluate(make_agent("retriever_random", env), env).per_user("R_traj")
    gain = [
        paired_difference(
            evaluate(make_agent("cql", env, updates=400, hidden=32).fit(data), env).per_user("R_traj"), chance
        )
        for data in (learned, shuffled(learned, np.random.default_rng(0)))
    ]
    assert gain[0].low > 20
    assert gain[1].high < 10


# Rewards ----------------------------------------------------------------------------------------------------------


def test_the_three_forms_are_the_formulas(env: gym.Env, expert: SessionDataset, log: SessionDataset) -> None:
    model = make_reward_model("gail", env, hidden=8, updates=25, learning_rate=1e-2).fit(
        expert, log
    )  # unsure enough for float32
    steps = log.transitions()
    x, a = steps.observations[:200], steps.actions[:200]
    given = {}
    for form in FORMS:
        other = make_reward_model_like(model, form)
        given[form] = other(x, a, x, np.zeros(200, bool)).astype(float)
    d = model.probability_of_policy(x, a).astype(float)
    assert 0.01 < d.min() < 0.4 < 0.6 < d.max() < 0.99
    np.testing.assert_allclose(given["zero_mean"], np.log(1 - d) - np.log(d), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(given["positive"], -np.log(d), rtol=1e-3, atol=1e-4)
    assert given["positive"].min() > 0
    other = make_reward_model_like(model, "advantage")
    every = [other(x, np.full(200, b), x, np.zeros(200, bool)) for b in range(20)]
    np.testing.assert_allclose(np.mean(every, axis=0), 0, atol=1e-4)
    plain = [model(x, np.full(200, b), x, np.zeros(200, bool)) for b in range(20)]
    np.testing.assert_allclose(np.array(every), np.array(plain) - np.mean(plain, axis=0), atol=1e-4)


def make_reward_model_like(model: Any, form: str) -> Any:
    """The same discriminator under another form."""
    twin = pickle.loads(pickle.dumps(model))
    twin.config = replace(twin.config, form=form)
    return twin


def test_the_end_of_a_session_changes_nothing(model: Any, log: SessionDataset) -> None:
    steps = log.transitions()
    x, a = steps.observations[:50], steps.actions[:50]
    ended, running = (model(x, a, x, np.full(50, flag)) for flag in (True, False))
    np.testing.assert_array_equal(ended, running)


def test_same_seed_same_reward(env: gym.Env, expert: SessionDataset, log: SessionDataset) -> None:
    few = {"updates": 50, "hidden": 8}
    models = []
    for seed in (1, 1, 2):
        torch.rand(3)  # whatever the program drew before
        models.append(make_reward_model("gail", env, seed=seed, **few).fit(first(expert, 10), log))
    given = [rewards_of(m, first(log, 5)) for m in models]
    np.testing.assert_array_equal(given[0], given[1])
    assert not np.allclose(given[0], given[2])


def test_a_gradient_penalty_makes_rewards_smoother(env: gym.Env, expert: SessionDataset, log: SessionDataset) -> None:
    steep = []
    for penalty in (0.0, 10.0):
        model = make_reward_model("gail", env, gradient_penalty=penalty, **SMALL).fit(expert, log)
        x = torch.from_numpy(log.episodes[0].observations).requires_grad_()
        (gradient,) = torch.autograd.grad(model._discriminator(x).sum(), x)
        steep.append(float(gradient.square().sum(dim=1).mean()))
    assert steep[1] < steep[0]


def test_over_the_whole_catalogue(play: Any) -> None:
    env, whole = gym.make("ilrec/MovieLens-v0"), "ilrec/MovieLens-v0"
    model = make_reward_model("gail", env, updates=100, hidden=16, learning_rate=3e-3)
    model.fit(play("popular", 40, env_id=whole, seed=10_000), play("random", 100, env_id=whole))
    assert model.report["auc"] > 0.9


# Relabelling ------------------------------------------------------------------------------------------------------


def test_relabelling_changes_rewards_only_and_adds_nothing(model: Any, log: SessionDataset) -> None:
    new = relabel(log, model)
    before, after = log.transitions(), new.transitions()
    raw = rewards_of(model, log)
    np.testing.assert_allclose(after.rewards, raw / raw.std(), rtol=1e-4)
    assert after.rewards.std() == pytest.approx(1, rel=1e-4)
    np.testing.assert_array_equal(np.sign(after.rewards), np.sign(raw))
    for part in ("observations", "actions", "next_observations", "terminals", "episodes"):
        np.testing.assert_array_equal(getattr(before, part), getattr(after, part))
    np.testing.assert_allclose(relabel(log, model, unit=False).transitions().rewards, raw, rtol=1e-6)
    assert new.task == log.task


def test_the_controls(log: SessionDataset) -> None:
    dealt = shuffled(log, np.random.default_rng(3)).transitions().rewards
    rewards = log.transitions().rewards
    np.testing.assert_array_equal(np.sort(dealt), np.sort(rewards))
    assert abs(np.corrcoef(dealt, rewards)[0, 1]) < 0.05
    np.testing.assert_array_equal(dealt, shuffled(log, np.random.default_rng(3)).transitions().rewards)
    assert (constant(log, 2.5).transitions().rewards == 2.5).all()


def test_a_constant_model_relabels_as_the_constant_does(env: gym.Env, log: SessionDataset) -> None:
    new = relabel(log, make_reward_model("constant", env, value=0.7))
    np.testing.assert_array_equal(new.transitions().rewards, constant(log, 0.7).transitions().rewards)


# Files ------------------------------------------------------------------------------------------------------------


def test_a_saved_reward_model_gives_the_same_rewards(
    model: Any, env: gym.Env, log: SessionDataset, tmp_path: Path
) -> None:
    model.save(tmp_path / "reward", inputs={"demonstrations": "abc", "log": "def"}, seconds=1.5)
    again = load_reward_model(tmp_path / "reward", env)
    np.testing.assert_array_equal(rewards_of(again, first(log, 9)), rewards_of(model, first(log, 9)))
    assert again.report == model.report
    card = read_card(tmp_path / "reward" / REWARD, kind="reward_model")
    assert card["inputs"] == {"demonstrations": "abc", "log": "def"}
    assert card["report"]["auc"] == model.report["auc"]
    assert card["parameters"] == model.parameters()


def test_a_constant_model_survives_saving(env: gym.Env, tmp_path: Path) -> None:
    make_reward_model("constant", env, value=3.0).save(tmp_path / "reward")
    assert load_reward_model(tmp_path / "reward", env).config.value == 3.0


@pytest.mark.parametrize("damage", ["empty", "no card", "edited", "weights cut", "weights of another"])
def test_damaged_reward_models_are_refused(damage: str, model: Any, env: gym.Env, tmp_path: Path) -> None:
    folder = tmp_path / "reward"
    model.save(folder)
    if damage == "empty":
        for path in folder.iterdir():
            path.unlink()
    elif damage == "no card":
        card_path(folder / REWARD).unlink()
    elif damage == "edited":
        about = json.loads((folder / REWARD).read_text())
        about["config"]["form"] = "positive"
        (folder / REWARD).write_text(json.dumps(about))
    elif damage == "weights cut":
        (folder / "weights.safetensors").write_bytes((folder / "weights.safetensors").read_bytes()[:-8])
    else:
        from ilrec_agents.weights import load_weights, save_weights

        twin = pickle.loads(pickle.dumps(model))._discriminator
        load_weights(twin, folder / "weights.safetensors")
        with torch.no_grad():
            twin.gain += 1
        save_weights(twin, folder / "weights.safetensors")
    with pytest.raises(ArtefactError):
        load_reward_model(folder, env)


def test_another_environment_s_reward_model_is_refused(model: Any, tmp_path: Path) -> None:
    model.save(tmp_path / "reward")
    with pytest.raises(ArtefactError, match="max_steps"):
        load_reward_model(tmp_path / "reward", gym.make("ilrec/MovieLens-Candidates-v0", max_steps=7))


# Bad input --------------------------------------------------------------------------------------------------------


def test_unknown_names_are_refused(env: gym.Env) -> None:
    with pytest.raises(UnknownNameError, match="'gail'"):
        make_reward_model("gial", env)
    with pytest.raises(UnknownNameError, match="'form'"):
        make_reward_model("gail", env, forms="positive")
    with pytest.raises(UnknownNameError, match="'positive'"):
        make_reward_model("gail", env, form="positiv")
    assert set(REWARD_MODELS) == {"gail", "constant"}


@pytest.mark.parametrize(
    "setting",
    [{"updates": 0}, {"hidden": 1.5}, {"learning_rate": -1.0}, {"gradient_penalty": -1.0}, {"held_out": 0.0}],
)
def test_settings_out_of_range_are_refused(setting: dict[str, Any], env: gym.Env) -> None:
    with pytest.raises(UsageError):
        make_reward_model("gail", env, **setting)


def test_datasets_that_do_not_fit_are_refused(model: Any, env: gym.Env, log: SessionDataset, play: Any) -> None:
    other = play("random", 3, max_steps=9)
    fresh = make_reward_model("gail", env)
    with pytest.raises(UsageError, match="demonstrations must come from"):
        fresh.fit(other, log)
    with pytest.raises(UsageError, match="log must be a SessionDataset"):
        fresh.fit(log, "log.h5")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="max_steps"):
        relabel(other, model)
    with pytest.raises(UsageError, match="two sessions"):
        fresh.fit(first(log, 1), log)


def test_what_is_not_fitted_gives_no_reward(env: gym.Env, log: SessionDataset, tmp_path: Path) -> None:
    model = make_reward_model("gail", env)
    with pytest.raises(UsageError, match="fitted"):
        relabel(log, model)
    with pytest.raises(UsageError, match="fitted"):
        model.save(tmp_path / "reward")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rewards_that_are_not_finite_are_refused(value: float, env: gym.Env, log: SessionDataset) -> None:
    with pytest.raises(UsageError, match="finite"):
        relabel(log, make_reward_model("constant", env, value=value))
    with pytest.raises(UsageError, match="finite"):
        constant(log, value)
