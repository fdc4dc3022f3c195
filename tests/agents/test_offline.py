"""``bc`` and ``cql``: that they learn what there is to learn, repeat themselves, and refuse what does not fit."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from ilrec_agents import load_agent, make_agent
from ilrec_agents.devices import torch_device
from ilrec_agents.networks import score_network
from ilrec_agents.offline.batches import Batches
from ilrec_agents.offline.dataset import DatasetTask, Episode, SessionDataset
from ilrec_agents.task import Task
from ilrec_gym.errors import ArtefactError, UnknownNameError, UsageError
from ilrec_gym.evaluation import evaluate, paired_difference


def accuracy(agent: Any, dataset: SessionDataset) -> float:
    steps = dataset.transitions()
    return float((agent.scores(steps.observations, {}).argmax(axis=1) == steps.actions).mean())


def halves(dataset: SessionDataset) -> tuple[SessionDataset, SessionDataset]:
    middle = len(dataset) // 2
    return replace(dataset, episodes=dataset.episodes[:middle]), replace(dataset, episodes=dataset.episodes[middle:])


# What is learned --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("expert", ["popular", "retriever_top1"])
def test_bc_recovers_a_deterministic_expert(expert: str, env: gym.Env, play: Any) -> None:
    """On sessions it has not seen, more than nine choices in ten are the expert's (by chance: one in twenty)."""
    learn, look = halves(play(expert, 300))
    assert accuracy(make_agent("bc", env, updates=500, hidden=32, learning_rate=1e-2).fit(learn), look) > 0.9


def test_bc_of_a_random_expert_finds_nothing(env: gym.Env, play: Any) -> None:
    """The control of the test above: where there is no rule, no accuracy."""
    learn, look = halves(play("random", 300))
    assert accuracy(make_agent("bc", env, updates=200, hidden=32, learning_rate=1e-2).fit(learn), look) < 0.1


@pytest.fixture(scope="module")
def log(play: Any) -> SessionDataset:
    return play("logging", 500)


def returns_of(agent: Any, env: gym.Env) -> Any:
    return evaluate(agent, env).per_user("R_traj")


def test_cql_beats_chance_by_far_on_the_true_reward_only(env: gym.Env, log: SessionDataset) -> None:
    """Chance returns 165, as does the log. Measured: 31 more with the ratings, 3 more with the ratings dealt out anew,
    35 less with the ratings turned around. So it is the reward that it learns from."""
    chance = returns_of(make_agent("retriever_random", env), env)
    rewards = log.transitions().rewards
    gain = {
        name: paired_difference(
            returns_of(make_agent("cql", env, updates=400, hidden=32).fit(log.with_rewards(values)), env), chance
        )
        for name, values in {
            "true": rewards, "shuffled": np.random.default_rng(0).permutation(rewards), "turned": -rewards,
        }.items()
    }  # fmt: skip
    assert gain["true"].low > 15
    assert gain["shuffled"].high < 15
    assert gain["turned"].high < -15


@pytest.mark.parametrize("scaling", ["standard", "scale", "none"])
def test_reward_scalings(scaling: str, env: gym.Env, log: SessionDataset) -> None:
    given = log.transitions().rewards.astype(float)
    seen = make_agent("cql", env, reward_scaling=scaling)._rewards(log)
    expected = {"standard": (given - given.mean()) / given.std(), "scale": given / given.std(), "none": given}
    np.testing.assert_allclose(seen, expected[scaling], rtol=1e-5, atol=1e-5)


def test_a_constant_reward_stays_what_it_is(env: gym.Env, log: SessionDataset) -> None:
    """Otherwise the control that pays for staying would turn into no reward at all."""
    assert (make_agent("cql", env)._rewards(log.with_rewards(np.full(log.n_transitions, 0.7))) == np.float32(0.7)).all()


def test_batches_are_transitions_of_the_dataset(play: Any) -> None:
    """Every row is one step: its observation, action, reward, the observation after it, and whether it was the end."""
    short = play("logging", 30, max_steps=42)  # some sessions are cut at the horizon, and are then not terminal
    steps = short.transitions()
    assert 0 < steps.terminals.sum() < len(short)
    assert len(np.unique(steps.observations, axis=0)) == len(steps)
    of = {x.tobytes(): i for i, x in enumerate(steps.observations)}
    batches = Batches(short, np.arange(len(steps)), 512, seed=0, device=torch.device("cpu"))
    seen = []
    for _ in range(10):
        batch = batches.draw()
        rows = np.array([of[x.numpy().tobytes()] for x in batch.observations])
        np.testing.assert_array_equal(batch.rewards[:, 0], rows)
        np.testing.assert_array_equal(batch.actions[:, 0], steps.actions[rows])
        np.testing.assert_array_equal(batch.next_observations, steps.next_observations[rows])
        np.testing.assert_array_equal(batch.terminals[:, 0], steps.terminals[rows])
        assert (batch.intervals == 1).all()
        seen.append(rows)
    assert len(np.unique(seen)) > 0.95 * len(steps)


# Networks ---------------------------------------------------------------------------------------------------------


def test_exchanging_two_offered_items_exchanges_their_scores(env: gym.Env, log: SessionDataset) -> None:
    task = Task.of(env)
    x = log.episodes[0].observations[:5]
    network = score_network(task, "candidates", 16, observations=x)
    swapped = x.copy()
    places = task.layout.candidates(swapped)
    places[:, [2, 7]] = places[:, [7, 2]]
    scores, others = network(torch.from_numpy(x)), network(torch.from_numpy(swapped))
    torch.testing.assert_close(others[:, [7, 2]], scores[:, [2, 7]])
    assert not torch.allclose(scores[:, 2], scores[:, 7])


@pytest.mark.parametrize("network", ["candidates", "flat"])
def test_networks_of_a_task_with_offers(network: str, env: gym.Env, play: Any) -> None:
    agent = make_agent("cql", env, network=network, updates=5).fit(play("logging", 20))
    assert agent.scores(np.zeros((3, env.unwrapped.layout.size), np.float32), {}).shape == (3, 20)


def test_networks_that_do_not_fit_the_task_are_refused(env: gym.Env, play: Any) -> None:
    with pytest.raises(UsageError, match="must fit the task"):
        make_agent("cql", env, network="towers").fit(play("logging", 20))
    with pytest.raises(UnknownNameError, match="candidates"):
        make_agent("cql", env, network="candidate").fit(play("logging", 20))


# Seeds and global state --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bc", "cql"])
def test_same_seed_same_policy(name: str, env: gym.Env, play: Any) -> None:
    log = play("logging", 20)
    x = log.episodes[0].observations
    given = []
    for seed in (1, 1, 2):
        torch.rand(3)  # whatever the program drew before
        given.append(make_agent(name, env, seed=seed, updates=30).fit(log).scores(x, {}))
    first, again, other = given
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def global_states() -> list[Any]:
    numpy_state = np.random.get_state()[1].tolist()
    return [random.getstate(), numpy_state, torch.get_rng_state().tolist(), torch.get_num_threads()]


def test_learning_leaves_no_trace(env: gym.Env, play: Any, tmp_path: Path, monkeypatch: Any, capfd: Any) -> None:
    """Random states, the number of threads, the working folder, stdout and stderr are as they were."""
    monkeypatch.chdir(tmp_path)
    log = play("logging", 20)
    before = global_states()
    capfd.readouterr()
    make_agent("cql", env, updates=5).fit(log)
    assert global_states() == before
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


def test_the_history_covers_every_update(env: gym.Env, play: Any) -> None:
    agent = make_agent("cql", env, updates=250).fit(play("logging", 20))
    assert [entry["updates"] for entry in agent.history] == [100, 200, 250]
    for entry in agent.history:  # with alpha .1, the loss is the sum of its parts, so every mean counts its own updates
        assert entry["loss"] == pytest.approx(entry["td_loss"] + 0.1 * entry["conservative_loss"], rel=1e-4)


# Bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [None, "log.h5", 3])
def test_what_is_no_dataset_is_refused(given: Any, env: gym.Env) -> None:
    with pytest.raises(UsageError, match="SessionDataset"):
        make_agent("cql", env).fit(given)


@pytest.mark.parametrize("env_id, max_steps", [("ilrec/MovieLens-v0", 100), ("ilrec/MovieLens-Candidates-v0", 9)])
def test_a_dataset_of_another_task_is_refused(env_id: str, max_steps: int, env: gym.Env, play: Any) -> None:
    with pytest.raises(UsageError, match="differs in"):
        make_agent("bc", env).fit(play("random", 3, env_id=env_id, max_steps=max_steps))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_rewards_that_are_not_finite_never_get_that_far(bad: float, log: SessionDataset) -> None:
    rewards = log.transitions().rewards.copy()
    rewards[5] = bad
    with pytest.raises(UsageError, match="finite"):
        log.with_rewards(rewards)


@pytest.mark.parametrize("name", ["dt", "lcb", "mopo"])
def test_who_takes_rewards_for_ratings_refuses_others(name: str, env: gym.Env, log: SessionDataset) -> None:
    with pytest.raises(UsageError, match="must be the ratings that viewers gave"):
        make_agent(name, env).fit(log.with_rewards(np.ones(log.n_transitions)))


def test_a_dataset_has_at_least_one_session(log: SessionDataset) -> None:
    with pytest.raises(UsageError, match="at least one session"):
        replace(log, episodes=())


def a_dataset_of(env: gym.Env, observation_dim: int, n_actions: int) -> SessionDataset:
    """Right by its description, whatever its shapes are."""
    described = DatasetTask(env.unwrapped.describe())
    episodes = [Episode(np.zeros((3, observation_dim)), [0, n_actions - 1], [1.0, 2.0], True) for _ in range(3)]
    return SessionDataset(tuple(episodes), n_actions, observation_dim, described)


@pytest.mark.parametrize("name", ["bc", "cql", "td3_bc", "dt", "mopo"])
@pytest.mark.parametrize("wrong", [{"observation_dim": 5}, {"n_actions": 500}, {"n_actions": 2}])
def test_a_dataset_of_other_shapes_is_refused(name: str, wrong: dict[str, int], env: gym.Env) -> None:
    shapes = {"observation_dim": env.unwrapped.layout.size, "n_actions": 20}
    with pytest.raises(UsageError, match="must have 20 actions and observations of length"):
        make_agent(name, env).fit(a_dataset_of(env, **shapes | wrong))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(env: gym.Env, play: Any) -> None:
    with pytest.raises(UsageError, match="device"):
        make_agent("cql", env, device="cuda").fit(play("logging", 20))


@pytest.mark.parametrize("device", ["gpu0", "mps", "xpu", "meta", "cuda:-1", "cuda:one", "cpu:0", "", 0, None, ["cpu"]])
def test_a_device_that_is_none_is_refused(device: Any, env: gym.Env, play: Any) -> None:
    with pytest.raises(UsageError, match='device must be "auto", "cpu"'):
        make_agent("cql", env, device=device).fit(play("logging", 20))


def test_devices_by_name() -> None:
    assert torch_device("cpu") == torch.device("cpu")
    assert torch_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(UsageError, match="must be there"):
        torch_device("cuda:99")


@pytest.mark.parametrize(
    "name, setting",
    [
        ("cql", {"gamma": 1.5}), ("cql", {"alpha": -1.0}), ("cql", {"reward_scaling": "unit"}),
        ("cql", {"target_update_interval": 0}), ("cql", {"updates": 0}), ("cql", {"batch_size": 2.5}),
        ("bc", {"beta": -1.0}), ("bc", {"learning_rate": 0.0}), ("bc", {"hidden": True}), ("bc", {"threads": 0}),
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(name: str, setting: dict[str, Any], env: gym.Env) -> None:
    with pytest.raises(UsageError, match=next(iter(setting))):
        make_agent(name, env, **setting)


def test_a_loss_that_is_not_finite_is_an_error(env: gym.Env, play: Any) -> None:
    with pytest.raises(UsageError, match="learning_rate"):
        make_agent("cql", env, updates=40, learning_rate=1e30).fit(play("logging", 20))


@pytest.mark.parametrize("damage", ["missing", "cut", "foreign", "other settings"])
def test_damaged_weights_are_refused(damage: str, env: gym.Env, play: Any, tmp_path: Path) -> None:
    folder = tmp_path / "agent"
    make_agent("bc", env, updates=5, hidden=8).fit(play("logging", 20)).save(folder)
    weights, card = folder / "weights.safetensors", folder / "agent.json"
    if damage == "missing":
        weights.unlink()
    elif damage == "cut":
        weights.write_bytes(weights.read_bytes()[:-40])
    elif damage == "foreign":
        weights.write_bytes(b"\x80\x04not weights at all, perhaps a pickle")
    else:
        about = json.loads(card.read_text())
        about["config"]["hidden"] = 16
        card.write_text(json.dumps(about))
    with pytest.raises(ArtefactError, match=r"weights\.safetensors"):
        load_agent(folder, env)
