"""Minari: written, found by its own loader, the same to the last bit, and its environment plays the sessions again."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ilrec_agents.offline.dataset import DatasetTask, Episode, SessionDataset
from ilrec_agents.offline.minari_format import dataset_id, read_minari, write_minari
from ilrec_demos.cli import main
from ilrec_demos.journal import Journal
from ilrec_gym.cards import read_card
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.errors import ArtefactError, StorageError, UsageError

minari = pytest.importorskip("minari")

ID = "ilrec/mine/sessions-v0"
WORDS = {"algorithm": "nobody", "description": "Made up."}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "sets"))
    return tmp_path / "sets"


@pytest.fixture
def written(root: Path, dataset: SessionDataset, env: Any, journal: Journal) -> Path:
    seeds = [session.seed for session in journal.sessions]
    return write_minari(dataset, root, ID, observation_space=env.unwrapped.layout.space(), seeds=seeds, **WORDS)


def assert_same(one: SessionDataset, other: SessionDataset) -> None:
    assert (one.n_actions, one.observation_dim, one.task) == (other.n_actions, other.observation_dim, other.task)
    for a, b in zip(one.episodes, other.episodes, strict=True):
        assert a.terminated == b.terminated and a.extras.keys() == b.extras.keys()
        pairs = [(getattr(a, name), getattr(b, name)) for name in ("observations", "actions", "rewards")]
        for x, y in pairs + [(a.extras[name], b.extras[name]) for name in a.extras]:
            assert x.dtype == y.dtype
            np.testing.assert_array_equal(x, y)


def test_minari_finds_it_and_reads_every_array(written: Path, dataset: SessionDataset, env: Any) -> None:
    assert list(minari.list_local_datasets()) == [ID]
    stored = minari.load_dataset(ID)
    assert (stored.total_episodes, stored.total_steps) == (len(dataset), dataset.n_transitions)
    assert stored.action_space == env.action_space and stored.observation_space == env.observation_space
    for theirs, ours in zip(stored.iterate_episodes(), dataset.episodes, strict=True):
        for name in ("observations", "actions", "rewards"):
            found = getattr(theirs, name)
            assert found.dtype == getattr(ours, name).dtype
            np.testing.assert_array_equal(found, getattr(ours, name))
        assert theirs.terminations.tolist() == [False] * (len(ours) - 1) + [ours.terminated]
        assert theirs.truncations.tolist() == [False] * (len(ours) - 1) + [not ours.terminated]
        assert theirs.infos.keys() == ours.extras.keys()
        for name, values in ours.extras.items():
            assert len(theirs.infos[name]) == len(theirs.observations)
            np.testing.assert_array_equal(theirs.infos[name][1:], values)
        assert theirs.infos["item_id"][0] == -1 and theirs.infos["user_id"][0] == ours.extras["user_id"][0]
        assert np.isnan(theirs.infos["propensity"][0])
    assert {bool(one.terminations[-1]) for one in stored} == {True, False}


def test_the_environment_plays_the_sessions_again(written: Path, env: Any) -> None:
    stored = minari.load_dataset(ID)
    again = stored.recover_environment()
    assert again.spec.to_json() == env.spec.to_json()
    for one, about in zip(stored.iterate_episodes(), stored.storage.get_episode_metadata(range(20)), strict=True):
        observation, info = again.reset(seed=about["seed"], options={"user_id": int(about["options"]["user_id"])})
        np.testing.assert_array_equal(observation, one.observations[0])
        assert info["user_id"] == again.reset(seed=about["seed"])[1]["user_id"]
        for t, action in enumerate(one.actions):
            observation, reward, terminated, truncated, info = again.step(action)
            np.testing.assert_array_equal(observation, one.observations[t + 1])
            assert np.float32(reward) == one.rewards[t] and info["item_id"] == one.infos["item_id"][t + 1]
            assert (terminated, truncated) == (one.terminations[t], one.truncations[t])
    judge = stored.recover_environment(eval_env=True)
    assert isinstance(judge.unwrapped, MovieLensEnv) and judge.unwrapped.split == "test"


def test_there_and_back(written: Path, dataset: SessionDataset) -> None:
    assert_same(read_minari(written), dataset)
    card = read_card(written / "data" / "main_data.hdf5", kind="minari")
    assert card["dataset"]["episodes"] == len(dataset) and card["dataset"]["id"] == ID


def test_writing_again_replaces_it_and_others_are_left_alone(written: Path, dataset: SessionDataset, env: Any) -> None:
    space, root = env.unwrapped.layout.space(), written.parents[2]
    few = replace(dataset, episodes=dataset.episodes[:3])
    write_minari(few, root, ID, observation_space=space, **WORDS)
    assert_same(read_minari(written), few)
    metadata = written / "data" / "metadata.json"
    about = json.loads(metadata.read_text())
    metadata.write_text(json.dumps({key: value for key, value in about.items() if key != "ilrec"}))
    before = metadata.read_bytes()
    with pytest.raises(UsageError, match="must be free"):
        write_minari(few, root, ID, observation_space=space, **WORDS)
    assert metadata.read_bytes() == before
    (root / "ilrec" / "photos-v0").mkdir()
    with pytest.raises(UsageError, match="must be free"):
        write_minari(few, root, "ilrec/photos-v0", observation_space=space, **WORDS)


@pytest.mark.parametrize("name", ["", "mine", "mine-v", "../mine-v0", "/mine-v0", "my set-v0", "a//b-v0", "mine-v0/"])
def test_bad_ids(name: str, root: Path, dataset: SessionDataset, env: Any) -> None:
    with pytest.raises(UsageError, match="namespace/name-v0"):
        write_minari(dataset, root, name, observation_space=env.unwrapped.layout.space(), **WORDS)
    assert not root.exists()


def test_ids_are_made_of_words_that_minari_takes() -> None:
    assert dataset_id("my.shop", "logs") == "ilrec/my-shop/logs-v0"


def test_sessions_of_another_environment_are_refused(root: Path, dataset: SessionDataset) -> None:
    import gymnasium as gym

    other = gym.make("ilrec/MovieLens-v0").unwrapped.layout.space()
    with pytest.raises(UsageError, match="lie in the observation space"):
        write_minari(dataset, root, ID, observation_space=other, **WORDS)


def test_without_a_spec_and_extras(root: Path) -> None:
    """Made of bare arrays: it is stored, but has no environment to recover."""
    from gymnasium import spaces

    episode = Episode(np.zeros((3, 2)), [0, 1], [1.0, 2.0], True, {"flag": [True, False], "small": np.uint8([1, 2])})
    bare = SessionDataset((episode, Episode(np.zeros((2, 2)), [1], [0.5], False)), 5, 2, DatasetTask({"a": 1}))
    folder = write_minari(bare, root, "bare-v0", observation_space=spaces.Box(-1, 1, (2,), np.float32), **WORDS)
    assert_same(read_minari(folder), bare)
    with pytest.raises(ValueError, match="env_spec is None"):
        minari.load_dataset("bare-v0").recover_environment()


@pytest.mark.parametrize("damage", ["byte", "gone", "metadata", "no card"])
def test_a_damaged_dataset_is_refused(written: Path, damage: str) -> None:
    main_file = written / "data" / "main_data.hdf5"
    content = main_file.read_bytes()
    if damage == "byte":
        main_file.write_bytes(content[:1000] + bytes([content[1000] ^ 255]) + content[1001:])
    elif damage == "gone":
        main_file.unlink()
    elif damage == "metadata":
        (written / "data" / "metadata.json").write_text("{}")
    else:
        (written / "data" / "main_data.hdf5.card.json").unlink()
    with pytest.raises(ArtefactError):
        read_minari(written)


def test_no_folder_there(tmp_path: Path, dataset: SessionDataset, env: Any) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="must be writable"):
        write_minari(dataset, tmp_path / "file", ID, observation_space=env.unwrapped.layout.space(), **WORDS)


def test_a_full_disk_leaves_nothing(
    root: Path, dataset: SessionDataset, env: Any, full_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    with full_disk(20_000), pytest.raises(StorageError, match="must be writable"):
        write_minari(dataset, root, ID, observation_space=env.unwrapped.layout.space(), **WORDS)
    assert not list(root.rglob("*.hdf5"))


# Commands ------------------------------------------------------------------------------------------------------------


def test_export_of_a_journal(journal: Journal, dataset: SessionDataset, root: Path, capsys: Any) -> None:
    arguments = ["export", str(journal.path), "--format", "minari", "--out", str(root), "--transcript", "2"]
    assert main(arguments) == 0
    out, name = capsys.readouterr().out, "ilrec/ml-latest-small/logging-v0"
    assert f"MINARI_DATASETS_PATH={root} and minari.load_dataset('{name}')" in out
    assert_same(read_minari(root / name), dataset)
    assert "2 of 20 sessions" in (root / name / "transcript.md").read_text()
    about = minari.load_dataset(name).storage.metadata
    assert about["algorithm_name"] == "logging" and "simulated viewers" in about["description"]


def test_logs_for_minari(root: Path, capsys: Any) -> None:
    arguments = ["logs", "ml-latest-small", "--format", "minari", "--out", str(root), "--id", "ilrec/some/logs-v3"]
    assert main([*arguments, "--gap", "none", "--set-env", "profile_length=300", "--reward", "centred"]) == 0
    stored = minari.load_dataset("ilrec/some/logs-v3")
    assert stored.total_episodes > 30 and "less the mean" in stored.storage.metadata["description"]
    env, one = stored.recover_environment(), stored[0]
    about = next(iter(stored.storage.get_episode_metadata([0])))
    observation, _ = env.reset(options={"user_id": int(about["options"]["user_id"])})
    np.testing.assert_array_equal(observation, one.observations[0])
    assert env.step(one.actions[0])[4]["item_id"] == one.infos["item_id"][1]
