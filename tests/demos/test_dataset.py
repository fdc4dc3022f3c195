"""Datasets: nothing is lost on the way to HDF5 and back, and d3rlpy gets the right spaces."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ilrec_agents.offline.dataset import DatasetTask, Episode, SessionDataset, load, read_hdf5, write_hdf5
from ilrec_agents.offline.quiet import import_d3rlpy
from ilrec_gym.cards import card_path, read_card, write_card
from ilrec_gym.errors import ArtefactError, StorageError, UsageError

TASK = DatasetTask({"dataset": "tiny", "max_steps": 4}, {"id": "ilrec/MovieLens-v0"})


def episode(steps: int, terminated: bool, seed: int = 0, **extras: Any) -> Episode:
    rng = np.random.default_rng(seed)
    observations, actions = rng.normal(size=(steps + 1, 3)), rng.integers(0, 4, steps)
    return Episode(observations, actions, rng.normal(size=steps), terminated, extras)


@pytest.fixture
def tiny() -> SessionDataset:
    """Sessions that end both ways, one of a single step each, and extras that not all have. Action 9 never occurs."""
    episodes = [
        episode(3, True, 0, propensity=[0.1, 0.2, 0.3]),
        episode(1, True, 1),
        episode(4, False, 2, propensity=[0.4, 0.5, 0.6, 0.7], candidates=np.arange(8).reshape(4, 2)),
        episode(1, False, 3),
    ]
    return SessionDataset(tuple(episodes), n_actions=10, observation_dim=3, task=TASK)


def assert_same(one: SessionDataset, other: SessionDataset) -> None:
    assert (one.n_actions, one.observation_dim, one.task) == (other.n_actions, other.observation_dim, other.task)
    for a, b in zip(one.episodes, other.episodes, strict=True):
        assert a.terminated == b.terminated and a.extras.keys() == b.extras.keys()
        pairs = [(getattr(a, name), getattr(b, name)) for name in ("observations", "actions", "rewards")]
        for x, y in pairs + [(a.extras[name], b.extras[name]) for name in a.extras]:
            assert x.dtype == y.dtype
            np.testing.assert_array_equal(x, y)


def test_there_and_back(tiny: SessionDataset, dataset: SessionDataset, tmp_path: Path) -> None:
    for name, one in {"tiny": tiny, "real": dataset}.items():
        write_hdf5(one, tmp_path / f"{name}.h5")
        assert_same(read_hdf5(tmp_path / f"{name}.h5"), one)


def test_the_same_dataset_gives_the_same_bytes(dataset: SessionDataset, tmp_path: Path) -> None:
    write_hdf5(dataset, tmp_path / "one.h5")
    time.sleep(1.1)  # HDF5 keeps times in whole seconds
    write_hdf5(dataset, tmp_path / "two.h5")
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def test_plain_d3rlpy_opens_the_file(dataset: SessionDataset, tmp_path: Path) -> None:
    write_hdf5(dataset, tmp_path / "real.h5")
    d3rlpy = import_d3rlpy()
    with open(tmp_path / "real.h5", "rb") as file:
        buffer = d3rlpy.dataset.ReplayBuffer.load(file, d3rlpy.dataset.InfiniteBuffer())
    assert buffer.size() == len(dataset)
    assert buffer.transition_count == dataset.n_transitions
    for theirs, ours in zip(buffer.episodes, dataset.episodes, strict=True):
        assert theirs.compute_return() == pytest.approx(ours.rewards.sum(), rel=1e-5)
        np.testing.assert_array_equal(theirs.observations[: len(ours)], ours.observations[: len(ours)])


def test_our_loader_knows_the_action_space(tiny: SessionDataset, tmp_path: Path) -> None:
    write_hdf5(tiny, tmp_path / "tiny.h5")
    d3rlpy = import_d3rlpy()
    info = load(tmp_path / "tiny.h5").dataset_info
    assert (info.action_space, info.action_size) == (d3rlpy.ActionSpace.DISCRETE, 10)
    assert info.observation_signature == d3rlpy.dataset.Signature([np.dtype(np.float32)], [(3,)])
    with open(tmp_path / "tiny.h5", "rb") as file:
        bare = d3rlpy.dataset.ReplayBuffer.load(file, d3rlpy.dataset.InfiniteBuffer())
    assert bare.dataset_info.action_size < 10, "the bare format guesses from the actions that occur"


def test_a_cut_session_keeps_its_last_step(tiny: SessionDataset) -> None:
    buffer = tiny.to_d3rlpy()
    assert buffer.transition_count == tiny.n_transitions == 9
    cut, ours = buffer.episodes[2], tiny.episodes[2]
    last = buffer.transition_picker(cut, 3)
    assert (last.terminal, last.reward.item(), last.action.item()) == (0.0, ours.rewards[3], ours.actions[3])
    np.testing.assert_array_equal(last.next_observation, ours.observations[4])
    with pytest.raises(AssertionError):
        buffer.transition_picker(cut, 4)  # the closing row is no step
    left = buffer.transition_picker(buffer.episodes[0], 2)
    assert (left.terminal, left.reward.item()) == (1.0, tiny.episodes[0].rewards[2])


def test_d3rlpy_learns_from_it(tiny: SessionDataset) -> None:
    d3rlpy = import_d3rlpy()
    learner = d3rlpy.algos.DiscreteBCConfig(batch_size=4).create(device="cpu")
    learner.build_with_dataset(tiny.to_d3rlpy())
    learner.update(tiny.to_d3rlpy().sample_transition_batch(4))
    assert learner.action_size == 10


def test_d3rlpy_is_quiet(tiny: SessionDataset, tmp_path: Path) -> None:
    write_hdf5(tiny, tmp_path / "tiny.h5")
    script = "import sys; from ilrec_demos import load; load(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(tmp_path / "tiny.h5")], capture_output=True, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_transitions_are_in_order(tiny: SessionDataset) -> None:
    flat = tiny.transitions()
    assert flat.terminals.tolist() == [False, False, True, True] + [False] * 5
    assert flat.episodes.tolist() == [0, 0, 0, 1, 2, 2, 2, 2, 3]
    assert len(flat) == len(flat.rewards) == tiny.n_transitions
    for i, one in enumerate(tiny.episodes):
        np.testing.assert_array_equal(flat.observations[flat.episodes == i], one.observations[:-1])
        np.testing.assert_array_equal(flat.next_observations[flat.episodes == i], one.observations[1:])


def test_other_rewards_land_on_their_steps(tiny: SessionDataset) -> None:
    rewards = np.arange(tiny.n_transitions, dtype=float)
    changed = tiny.with_rewards(rewards)
    np.testing.assert_array_equal(changed.transitions().rewards, rewards)
    np.testing.assert_array_equal(changed.transitions().observations, tiny.transitions().observations)
    with pytest.raises(UsageError, match="shape"):
        tiny.with_rewards(rewards[:-1])


def test_merging_appends(tiny: SessionDataset, tmp_path: Path) -> None:
    both = tiny.merge(tiny)
    assert len(both) == 2 * len(tiny) and both.n_transitions == 2 * tiny.n_transitions
    write_hdf5(both, tmp_path / "both.h5")
    assert_same(read_hdf5(tmp_path / "both.h5"), both)


def test_merging_needs_one_task(tiny: SessionDataset) -> None:
    other = replace(tiny, task=DatasetTask(TASK.description | {"max_steps": 9}))
    with pytest.raises(UsageError, match="differs in: max_steps"):
        tiny.merge(other)
    with pytest.raises(UsageError, match="one task"):
        tiny.merge(replace(tiny, n_actions=11))
    assert len(tiny.merge(replace(tiny, task=DatasetTask(TASK.description)))) == 8, "how it was made does not matter"


def test_an_extra_over_all_steps(tiny: SessionDataset, dataset: SessionDataset) -> None:
    assert dataset.extra("propensity").shape == (dataset.n_transitions,)
    assert dataset.extra("candidates").shape == (dataset.n_transitions, 20)
    with pytest.raises(UsageError, match="2 of 4 have none"):
        tiny.extra("propensity")


@pytest.mark.parametrize(
    "parts",
    [
        {"actions": []}, {"actions": [[0], [1]]}, {"observations": np.zeros((2, 3))}, {"observations": np.zeros(3)},
        {"rewards": [1.0]}, {"rewards": [1.0, np.nan]}, {"observations": np.full((3, 3), np.inf)},
        {"extras": {"propensity": [0.1]}}, {"extras": {"n": 3}}, {"extras": {"reason": ["a", "b"]}},
        {"extras": {"offered": [[1], [1, 2]]}}, {"extras": {"what": [None, {}]}},
        {"actions": [0.7, 1.7]}, {"actions": np.array([0.0, 1.0])}, {"actions": [False, True]},
        {"actions": ["0", "1"]}, {"actions": ["left", "right"]}, {"actions": [None, 1]}, {"actions": [[0], [1, 2]]},
        {"observations": np.zeros((3, 3)).astype(str)}, {"observations": np.zeros((3, 3), complex)},
        {"observations": [[0.0], [0.0, 1.0], [0.0]]}, {"rewards": ["1", "2"]}, {"rewards": [None, 1.0]},
        {"terminated": "False"}, {"terminated": 1}, {"terminated": None}, {"terminated": [True]},
    ],
    ids=lambda parts: next(iter(parts)),
)  # fmt: skip
def test_what_is_no_episode_is_refused(parts: dict[str, Any]) -> None:
    whole = {"observations": np.zeros((3, 3)), "actions": [0, 1], "rewards": [1.0, 2.0], "terminated": True}
    Episode(**whole)
    with pytest.raises(UsageError):
        Episode(**(whole | parts))


def test_what_an_episode_is_given_is_kept_as_it_says() -> None:
    kept = Episode(np.zeros((3, 3), int), np.uint8([0, 1]), [True, False], np.True_, {"small": np.float16([1, 2])})
    dtypes = [kept.observations.dtype, kept.actions.dtype, kept.rewards.dtype, kept.extras["small"].dtype]
    assert dtypes == [np.float32, np.int64, np.float32, np.float16] and kept.terminated is True


def test_a_column_is_one_number_per_step(dataset: SessionDataset) -> None:
    np.testing.assert_array_equal(dataset.column("propensity"), dataset.extra("propensity"))
    with pytest.raises(UsageError, match="one number per step"):
        dataset.column("candidates")


def test_what_is_no_dataset_is_refused(tiny: SessionDataset) -> None:
    for change in ({"episodes": ()}, {"n_actions": 3}, {"observation_dim": 4}):
        with pytest.raises(UsageError):
            replace(tiny, **change)


def test_the_card_describes_it(tiny: SessionDataset, tmp_path: Path) -> None:
    write_hdf5(tiny, tmp_path / "tiny.h5", parameters={"a": 1}, inputs={"b": "c"}, seed=5, reward="r", tokens=7)
    card = read_card(tmp_path / "tiny.h5", kind="dataset")
    assert (card["parameters"], card["inputs"], card["seed"], card["tokens"]) == ({"a": 1}, {"b": "c"}, 5, 7)
    facts = {key: card["dataset"][key] for key in ("action_space", "action_size", "observation_shape", "reward")}
    assert facts == {"action_space": "discrete", "action_size": 10, "observation_shape": [3], "reward": "r"}
    assert (card["dataset"]["episodes"], card["dataset"]["transitions"], card["dataset"]["closing_rows"]) == (4, 9, 2)
    assert card["dataset"]["extras"] == ["candidates", "propensity"]
    assert card["statistics"]["mean_length"] == 2.25
    assert card["task"]["fingerprint"] == TASK.fingerprint


@pytest.mark.parametrize("damage", ["byte", "half", "empty", "text", "gone"])
def test_a_damaged_file_is_refused(tiny: SessionDataset, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "tiny.h5"
    write_hdf5(tiny, path)
    content = path.read_bytes()
    place = len(content) // 2
    flipped = content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]
    damaged = {"byte": flipped, "half": content[:place], "empty": b"", "text": b"no HDF5"}
    path.write_bytes(damaged[damage]) if damage in damaged else path.unlink()
    with pytest.raises(ArtefactError, match="must be the file that its card describes"):
        read_hdf5(path)
    if damage != "byte":
        with pytest.raises(ArtefactError, match="must be a dataset in HDF5"):
            read_hdf5(path, verify=False)


def test_a_foreign_hdf5_is_refused(tmp_path: Path, tiny: SessionDataset) -> None:
    import h5py

    path = tmp_path / "tiny.h5"
    write_hdf5(tiny, path)
    card = json.loads(card_path(path).read_text())
    with h5py.File(path, "w") as file:
        file["observations"] = [1, 2]
    card["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    card_path(path).write_text(json.dumps(card))
    with pytest.raises(ArtefactError, match="must be a dataset in HDF5"):
        read_hdf5(path)


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"format": 1, "kind": "dataset"}'])
def test_a_damaged_card_is_refused(tiny: SessionDataset, tmp_path: Path, content: str | None) -> None:
    write_hdf5(tiny, tmp_path / "tiny.h5")
    card = card_path(tmp_path / "tiny.h5")
    card.unlink() if content is None else card.write_text(content)
    with pytest.raises(ArtefactError):
        load(tmp_path / "tiny.h5")


def test_a_card_without_its_facts_is_refused(tiny: SessionDataset, tmp_path: Path) -> None:
    path = tmp_path / "tiny.h5"
    write_hdf5(tiny, path)
    write_card(path, kind="dataset", parameters={})
    with pytest.raises(ArtefactError, match="must describe a dataset"):
        read_hdf5(path)
    write_card(path, kind="reward", parameters={})
    with pytest.raises(ArtefactError, match="must be of kind 'dataset'"):
        read_hdf5(path)


@pytest.mark.parametrize("size", [0, 3_000, 40_000, 200_000])
def test_a_full_disk_leaves_what_was_there(
    tiny: SessionDataset, dataset: SessionDataset, tmp_path: Path, size: int,
    full_disk: Callable[[int], AbstractContextManager[None]],
) -> None:  # fmt: skip
    write_hdf5(tiny, tmp_path / "kept.h5")
    with full_disk(size), pytest.raises(StorageError, match="must be writable"):
        write_hdf5(dataset, tmp_path / "kept.h5")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.h5", "kept.h5.card.json"]
    assert_same(read_hdf5(tmp_path / "kept.h5"), tiny)


@pytest.mark.parametrize("place", ["file/tiny.h5", "/dev/full/tiny.h5"])
def test_no_folder_there(tiny: SessionDataset, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="must be writable"):
        write_hdf5(tiny, tmp_path / place)
