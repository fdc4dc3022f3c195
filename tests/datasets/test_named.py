"""Named datasets: what they hold, that chances are those with which actions were drawn, and that they are made once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import ilrec_gym  # noqa: F401, registers the environments
from ilrec_agents import make_agent
from ilrec_agents.commands.datasets import main
from ilrec_agents.datasets import RECIPES, folder_of, list_datasets, make_dataset, normalised_score, references
from ilrec_agents.offline.dataset import SessionDataset, read_hdf5
from ilrec_gym.cards import card_path, read_card
from ilrec_gym.errors import ArtefactError, UnknownNameError, UsageError
from ilrec_gym.evaluation import evaluate

FORMS = {"candidates": "ilrec/MovieLens-Candidates-v0", "catalogue": "ilrec/MovieLens-v0"}
LEARNER = {"total_timesteps": 1024, "n_envs": 8, "hidden": 8, "n_steps": 16, "batch_size": 128}
STEPS = 600
Make = Callable[..., SessionDataset]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ILREC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("named")


def env_of(form: str, **options: Any) -> gym.Env[Any, Any]:
    """A small catalogue, short sessions: the same code, and quick."""
    return gym.make(FORMS[form], catalogue_size=300, **{"max_steps": 20} | options)


def made(name: str, form: str, out: Path, steps: int = STEPS, seed: int = 0) -> Path:
    return make_dataset(
        name, env_of(form), out, steps=steps, seed=seed, learner=LEARNER if RECIPES[name].learns else None
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", sorted(RECIPES.keys() - {"logs"}))
def test_what_each_holds(name: str, form: str, out: Path) -> None:
    path, env = made(name, form, out), env_of(form)
    base: Any = env.unwrapped
    dataset, card = read_hdf5(path), read_card(path, kind="dataset")
    assert path == folder_of(env, out) / f"{name}.h5" and path.parent.name == f"ml-latest-small-{form}"
    assert dataset.task.fingerprint == base.fingerprint and dataset.n_actions == base.sessions.n_actions
    parts = RECIPES[name].parts
    assert STEPS <= dataset.n_transitions < STEPS + 20 * len(parts)
    train = set(base.scenario.users.ids[base.users].tolist())
    assert set(dataset.extra("user_id").tolist()) <= train
    propensity, actions = dataset.extra("propensity"), dataset.transitions().actions
    assert propensity.dtype == np.float64 and (propensity > 0).all() and (propensity <= 1).all()
    ids, items = base.scenario.catalogue.ids, dataset.extra("item_id")
    if form == "candidates":
        probabilities, candidates = dataset.extra("probabilities"), dataset.extra("candidates")
        assert probabilities.shape == candidates.shape == (dataset.n_transitions, 20)
        assert_allclose(probabilities.sum(axis=1), 1)
        rows = np.arange(len(actions))
        assert_array_equal(probabilities[rows, actions], propensity)
        assert_array_equal(candidates[rows, actions], items)
    else:
        assert_array_equal(ids[actions], items)
    said = card["behaviour"]
    assert [each["policy"] for each in said] == [part.label for part in parts]
    assert sum(each["steps"] for each in said) == dataset.n_transitions
    assert card["distinct_items"] == len(np.unique(items)) and card["catalogue"] == 300
    assert card["normalised_score"] == round(float(normalised_score(dataset.returns.mean(), env)), 3)


@pytest.mark.parametrize("form", FORMS)
def test_propensities_are_those_of_the_policies_that_the_card_names(form: str, out: Path) -> None:
    """Played again by the mask and by the saved policies themselves, step by step."""
    from ilrec_agents.registry import load_agent

    env = env_of(form)
    base: Any = env.unwrapped
    path = made("mixed", form, out)
    dataset, card = read_hdf5(path), read_card(path)
    assert {int(e.extras["behaviour"][0]) for e in dataset.episodes} == set(range(5))
    for episode in dataset.episodes[::3]:
        said = card["behaviour"][int(episode.extras["behaviour"][0])]
        if "trained" in said:
            place = path.parent / "policies" / "seed-0" / f"ppo-{100 * said['trained']:.0f}"
            agent: Any = load_agent(place, env)
        else:
            agent = make_agent(said["agent"], env, **said["config"])
        sessions = base.batch(1, ["action_mask"])
        user = base.scenario.users.index_of(int(episode.extras["user_id"][0]))
        observations, infos = sessions.reset([user])
        for t, action in enumerate(episode.actions):
            assert_array_equal(observations[0], episode.observations[t])
            if "trained" in said:
                logits = np.where(infos["action_mask"], agent.scores(observations, infos), -np.inf)[0]
                expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
            else:
                expected = agent.probabilities(observations, infos)[0]
            assert_allclose(episode.extras["propensity"][t], expected[action], rtol=1e-4)
            observations, rewards, *_, infos = sessions.step(np.array([action]))
            assert np.float32(rewards[0]) == episode.rewards[t]
        assert_array_equal(observations[0], episode.observations[-1])
        assert not sessions.running[0] and (infos["exit_reason"][0] != "") == episode.terminated


def test_actions_follow_their_chances(out: Path) -> None:
    """Over many steps each place is taken as often as its probabilities add up to."""
    for name in ("popular", "expert"):
        dataset = read_hdf5(made(name, "candidates", out, steps=6000, seed=4))
        taken = np.bincount(dataset.transitions().actions, minlength=20)
        p = dataset.extra("probabilities")
        spread = np.sqrt((p * (1 - p)).sum(axis=0))
        assert (np.abs(taken - p.sum(axis=0)) < 4 * spread).all()


def test_the_policies_are_states_of_one_training(out: Path) -> None:
    folder = made("medium", "candidates", out).parent / "policies" / "seed-0"
    assert sorted(path.name for path in folder.iterdir()) == ["ppo-100", "ppo-20", "ppo-50"]
    weights = [(folder / name / "weights.safetensors").read_bytes() for name in ("ppo-20", "ppo-50", "ppo-100")]
    assert len(set(weights)) == 3
    told = [len(json.loads((folder / f"ppo-{n}" / "history.json").read_text())) for n in (20, 50, 100)]
    assert told[0] < told[1] < told[2]


def test_one_step_is_one_session_of_each_policy(out: Path) -> None:
    assert len(read_hdf5(made("popular", "candidates", out, steps=1, seed=9))) == 1
    assert len(read_hdf5(made("mixed", "candidates", out, steps=1))) == 5


def test_same_seed_same_bytes(out: Path, tmp_path: Path) -> None:
    for name in ("mixed", "popular"):
        first, again = made(name, "candidates", out), made(name, "candidates", tmp_path)
        assert first.read_bytes() == again.read_bytes()
    other = read_hdf5(made("popular", "candidates", tmp_path, seed=1))
    users = [int(episode.extras["user_id"][0]) for episode in other.episodes]
    assert users != [int(episode.extras["user_id"][0]) for episode in read_hdf5(first).episodes][: len(users)]


def test_what_is_there_and_unchanged_is_left_alone(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ilrec_agents.datasets.contents as contents

    path = made("popular", "candidates", out)
    before = path.stat().st_mtime_ns, card_path(path).read_bytes()
    monkeypatch.setattr(contents, "play", lambda *_, **__: pytest.fail("played again"))
    assert made("popular", "candidates", out) == path
    assert (path.stat().st_mtime_ns, card_path(path).read_bytes()) == before
    with pytest.raises(pytest.fail.Exception):
        made("popular", "candidates", out, steps=STEPS + 1)
    assert (path.stat().st_mtime_ns, card_path(path).read_bytes()) == before
    monkeypatch.undo()
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    with pytest.raises(ArtefactError):
        read_hdf5(path)
    assert made("popular", "candidates", out).read_bytes() == content


def test_an_interrupted_make_leaves_no_half_file_and_starts_over(tmp_path: Path, monkeypatch: Any) -> None:
    from ilrec_agents.datasets import making, policies

    finished = made("medium", "candidates", tmp_path / "whole")
    saved: list[float] = []

    def stop(self: Any, agent: Any, env: Any, share: float) -> None:
        if share == 1.0:
            raise KeyboardInterrupt
        saved.append(share)
        save(self, agent, env, share)

    save = policies.Training._save
    monkeypatch.setattr(policies.Training, "_save", stop)
    with pytest.raises(KeyboardInterrupt):
        made("medium", "candidates", tmp_path / "killed")
    assert saved == [0.2, 0.5] and not list((tmp_path / "killed").rglob("medium*"))
    monkeypatch.undo()
    monkeypatch.setattr(making, "write_hdf5", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        made("medium", "candidates", tmp_path / "killed")
    assert not list((tmp_path / "killed").rglob("medium*"))
    monkeypatch.undo()
    assert made("medium", "candidates", tmp_path / "killed").read_bytes() == finished.read_bytes()


def _interrupted(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_logs_are_real_sessions(out: Path) -> None:
    dataset = read_hdf5(path := made("logs", "catalogue", out))
    assert STEPS <= dataset.n_transitions < STEPS + 20
    assert "propensity" not in dataset.episodes[0].extras
    assert read_card(path)["behaviour"] == [] and "normalised_score" not in read_card(path)
    times = dataset.extra("timestamp")
    assert (np.diff(times)[np.diff(dataset.transitions().episodes) == 0] >= 0).all()
    with pytest.raises(UsageError, match="whole catalogue"):
        made("logs", "candidates", out)


def test_the_score_is_0_for_random_and_100_for_the_oracle() -> None:
    env = env_of("candidates", split="test")
    for name, score in (("random", 0.0), ("oracle_one_step", 100.0)):
        assert normalised_score(evaluate(make_agent(name, env), env).R_traj.mean, env) == pytest.approx(score)
    assert 0 < normalised_score(evaluate(make_agent("mmr", env), env).R_traj.mean, env) < 100
    assert_allclose(normalised_score(np.array([references(env).random]), env), 0)
    other = env_of("candidates")
    assert references(other).sessions == len(other.unwrapped.users) != references(env).sessions  # type: ignore[attr-defined]


def test_references_are_played_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import ilrec_agents.datasets.scores as scores

    env = env_of("candidates", split="test")
    found = references(env)
    monkeypatch.setattr(scores, "evaluate", lambda *_, **__: pytest.fail("played again"))
    assert references(env) == found
    with pytest.raises(pytest.fail.Exception):
        references(env_of("candidates", split="test", max_steps=21))


def test_references_that_cannot_be_kept_are_given_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    env = env_of("candidates", split="test")
    expected = references(env)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ILREC_CACHE", str(tmp_path / "file"))
    assert references(env) == expected and "reference returns cannot be kept" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "expret"}, "did you mean 'expert'"),
        ({"steps": 0}, "steps must be"),
        ({"steps": 1.5}, "steps must be"),
        ({"seed": -1}, "seed must be"),
        ({"split": "test"}, "split"),
        ({"learner": {"hidden": 8}}, "settings of the learner"),
        ({"name": "logs", "learner": {"hidden": 8}}, "settings of the learner"),
        ({"name": "expert", "learner": {"hiden": 8}}, "hidden"),
        ({"env": "ilrec/RecSim-ML1M-v0"}, "one item per step"),
    ],
)
def test_bad_input(arguments: dict[str, Any], message: str, tmp_path: Path) -> None:
    options = {"name": "random"} | arguments
    if "env" in options:
        env = gym.make(options.pop("env"), dataset="ml-latest-small")
    else:
        env = env_of("candidates", split=options.pop("split", "train"))
    with pytest.raises(UsageError, match=message):
        make_dataset(options.pop("name"), env, tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_a_wrapper_changes_nothing(out: Path, tmp_path: Path) -> None:
    """Datasets hold the viewers' own ratings, and what plays has learned from these, whatever a wrapper pays."""
    from ilrec_gym.wrappers.learned_reward import LearnedReward

    wrapped = LearnedReward(env_of("candidates"), lambda observations, *_: np.zeros(len(observations)))
    path = make_dataset("medium", wrapped, tmp_path, steps=STEPS, learner=LEARNER)
    assert path.read_bytes() == made("medium", "candidates", out).read_bytes()


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    assert [line.split()[0] for line in listed.splitlines()] == [info.name for info in list_datasets()] == list(RECIPES)
    arguments = ["make", "random", "popular", "--out", str(tmp_path), "--steps", "200", "--seed", "3"]
    arguments += ["--set-env", "catalogue_size=300", "--set-env", "max_steps=20"]
    assert main(arguments) == 0
    first = capsys.readouterr().out.splitlines()
    assert len(first) == 2 and all("score" in line and "there already" not in line for line in first)
    assert main(arguments) == 0
    assert all("there already" in line for line in capsys.readouterr().out.splitlines())
    assert main(["make", "rndom", "--out", str(tmp_path)]) == 2
    assert "did you mean 'random'" in capsys.readouterr().err
    with pytest.raises(UnknownNameError):
        make_dataset("rndom", env_of("candidates"), tmp_path)
