"""Arguments, reset options, rendering, and what bad ones get."""

import gymnasium as gym
import numpy as np
import pytest

from ilrec_gym.data import load_dataset
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.errors import ILRecError, UsageError
from ilrec_gym.simulation.scenario import build_scenario, load_scenario
from ilrec_gym.simulation.user_models import Satiation

ID = "ilrec/MovieLens-v0"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dataset": "ml-1n"}, ["ml-1m", "did you mean"]),
        ({"dataset": "ml-latest-small", "data_path": "/no/such.zip"}, ["such.zip"]),
        ({"user_model": "saturation"}, ["satiation", "did you mean"]),
        ({"split": "tset"}, ["test", "did you mean"]),
        ({"observation": "boxx"}, ["box", "did you mean"]),
        ({"info": ["mask"]}, ["action_mask"]),
        ({"max_steps": 0}, ["max_steps", "at least 1"]),
        ({"max_steps": 2.5}, ["max_steps", "2.5"]),
        ({"min_ratings": -1}, ["min_ratings"]),
        ({"min_ratings": 10**6}, ["min_ratings"]),
        ({"catalogue_size": 0}, ["catalogue_size"]),
        ({"profile_length": -2}, ["length"]),
    ],
)
def test_bad_arguments(options, words):
    with pytest.raises(ILRecError) as caught:
        gym.make(ID, **options)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "received" in str(caught.value)


@pytest.mark.parametrize("n", [0, 10**6, 2.5, True])
def test_bad_number_of_candidates(n):
    with pytest.raises(UsageError, match="n_candidates"):
        gym.make("ilrec/MovieLens-Candidates-v0", n_candidates=n)


def test_bad_render_mode():
    with pytest.raises(UsageError, match="did you mean 'human'"):
        MovieLensEnv(render_mode="humann")


def test_reset_options():
    env = gym.make(ID, split="test")
    mine = int(env.unwrapped.scenario.users.ids[env.unwrapped.users[5]])
    assert env.reset(options={"user_id": mine})[1]["user_id"] == mine
    train = int(env.unwrapped.scenario.users.ids[~env.unwrapped.scenario.users.is_test][0])
    for bad, words in (
        ({"user_id": train}, "split"),
        ({"user_id": 10**9}, "user_id must be the id"),
        ({"user_id": "one"}, "user_id must be the id"),
        ({"user": mine}, "did you mean 'user_id'"),
    ):
        with pytest.raises(UsageError, match=words):
            env.reset(options=bad)


def test_splits_are_disjoint_and_fixed():
    users = {split: set(gym.make(ID, split=split).unwrapped.users.tolist()) for split in ("train", "test", "all")}
    assert not users["train"] & users["test"]
    assert users["train"] | users["test"] == users["all"]
    assert (len(users["train"]), len(users["test"])) == (490, 120)


def test_sessions_meet_only_users_of_their_split():
    env = gym.make(ID, split="test").unwrapped
    met = env.draw_users(np.arange(5000))
    assert set(met.tolist()) == set(env.users.tolist())


def test_episodes_of_one_seed_differ_and_repeat():
    env = gym.make(ID)
    first = [env.reset(seed=9)[1]["user_id"]] + [env.reset()[1]["user_id"] for _ in range(5)]
    again = [env.reset(seed=9)[1]["user_id"]] + [env.reset()[1]["user_id"] for _ in range(5)]
    assert first == again and len(set(first)) > 1


def test_objects_instead_of_names():
    by_name = gym.make(ID, user_model={"name": "satiation", "kappa": 0.5})
    by_object = gym.make(ID, dataset=load_dataset(), user_model=Satiation(kappa=0.5))
    for env in (by_name, by_object):
        env.reset(seed=0)
    assert by_name.step(5)[1] == by_object.step(5)[1]


def test_many_environments_share_one_scenario():
    assert gym.make(ID).unwrapped.scenario is gym.make(ID, split="test").unwrapped.scenario is load_scenario()


def test_ansi_and_human(capsys):
    env = gym.make("ilrec/MovieLens-Candidates-v0", render_mode="ansi", max_steps=3)
    env.reset(seed=0)
    assert "still watching" in env.render()
    for _ in range(3):
        *_, info = env.step(0)
    text = env.render()
    title = env.unwrapped.scenario.catalogue.titles[info["item_index"]]
    assert title[:40] in text and "horizon" in text and text.count("★") >= 3
    loud = gym.make("ilrec/MovieLens-Candidates-v0", render_mode="human", max_steps=3)
    loud.reset(seed=0)
    for _ in range(3):
        loud.step(0)
    assert capsys.readouterr().out.rstrip().endswith(text.rstrip())


def test_no_place_for_the_cache(tmp_path, monkeypatch, caplog):
    """A catalogue that has to be fitted, and a cache folder that cannot be: the log says so, no more."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ILREC_CACHE", str(tmp_path / "file"))
    found = build_scenario(load_dataset(), catalogue_size=40)
    assert "the models fitted to ml-latest-small cannot be kept" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    monkeypatch.setenv("ILREC_CACHE", str(tmp_path / "cache"))
    first, kept = (build_scenario(load_dataset(), catalogue_size=40) for _ in range(2))
    assert found.fingerprint == first.fingerprint == kept.fingerprint
    for one in (found, first):
        for part in ("user_bias", "item_bias", "user_factors", "item_factors"):
            np.testing.assert_array_equal(getattr(one.truth, part), getattr(kept.truth, part))


@pytest.mark.ml1m
@pytest.mark.parametrize("dataset", ["ml-1m", "ml-100k"])
def test_other_data_sets(dataset):
    env = gym.make("ilrec/MovieLens-Candidates-v0", dataset=dataset, split="test")
    _, info = env.reset(seed=0)
    _, reward, *_ = env.step(0)
    assert 1 <= reward <= 5 and env.unwrapped.scenario.name == dataset
