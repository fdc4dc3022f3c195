"""PPO: sessions side by side as stable-baselines3 wants them, and what it learns from them on the bundled data."""

import json
import random
import sys

import gymnasium as gym
import numpy as np
import pytest
import torch

from ilrec_agents import load_agent, make_agent
from ilrec_agents.online.quiet import import_sb3
from ilrec_gym.errors import ArtefactError, MissingExtraError, UsageError
from ilrec_gym.evaluation import evaluate, paired_difference
from ilrec_gym.files import sha256
from ilrec_gym.simulation.scenario import load_scenario
from ilrec_gym.wrappers.learned_reward import LearnedReward

sb3 = import_sb3()

from stable_baselines3.common.monitor import Monitor  # noqa: E402
from stable_baselines3.common.vec_env import DummyVecEnv  # noqa: E402

from ilrec_agents.online.vec_env import SessionsVecEnv  # noqa: E402

ID, WHOLE = "ilrec/MovieLens-Candidates-v0", "ilrec/MovieLens-v0"
TINY = {"total_timesteps": 256, "n_envs": 8, "n_steps": 16, "batch_size": 32, "n_epochs": 2, "hidden": 16}


@pytest.fixture(scope="module")
def env():
    return gym.make(ID)


@pytest.fixture(scope="module")
def fitted(env):
    return make_agent("ppo", env, device="cpu", seed=3, **TINY).fit(env)


@pytest.fixture
def typical(env):
    """Observations under way, and their infos."""
    sessions, rng = env.unwrapped.batch(64, ["action_mask"]), np.random.default_rng(0)
    sessions.reset(env.unwrapped.users[:64])
    for _ in range(4):
        observations, *_, infos = sessions.step(rng.integers(20, size=64))
    return observations, infos


def mixed_reward(before, actions, after, terminals):
    return before[:, 3] + 0.1 * actions + after[:, -1] - 2.0 * terminals


@pytest.mark.parametrize("reward", [None, mixed_reward])
@pytest.mark.parametrize("env_id", [ID, WHOLE])
def test_rows_are_what_sb3_makes_of_single_environments(env_id, reward):
    """Step by step the same as SB3's own DummyVecEnv and Monitor over single environments: observations, rewards,
    ends, last observations, flags, statistics; over many sessions, with a reset in the middle and after a new seed."""
    patience, horizon = (1.0, 18) if env_id == ID else (3.0, 9)  # so that some viewers leave and some stay
    user_model = {"name": "satiation", "patience": patience}
    n, options = 4, {"dataset": load_scenario(), "user_model": user_model, "max_steps": horizon}

    def single():
        env = gym.make(env_id, **options)
        return Monitor(env if reward is None else LearnedReward(env, reward))

    theirs = DummyVecEnv([single] * n)
    ours = SessionsVecEnv(gym.make(env_id, **options).unwrapped, n, reward=reward)
    assert ours.observation_space == theirs.observation_space and ours.action_space == theirs.action_space
    rng, ends = np.random.default_rng(1), []
    for seed in (5, None, 40):
        if seed is not None:
            ours.seed(seed), theirs.seed(seed)
        assert np.array_equal(ours.reset(), theirs.reset())
        for _ in range(60):
            actions = rng.integers(ours.action_space.n, size=n)
            (observations, rewards, dones, infos), expected = ours.step(actions), theirs.step(actions)
            assert np.array_equal(observations, expected[0]) and np.array_equal(dones, expected[2])
            assert rewards == pytest.approx(expected[1], abs=1e-6)
            for row in range(n):
                assert bool(infos[row]) == dones[row]
                if dones[row]:
                    info, truth = infos[row], expected[3][row]
                    assert np.array_equal(info["terminal_observation"], truth["terminal_observation"])
                    assert info["episode"]["l"] == truth["episode"]["l"]
                    assert info["episode"]["r"] == pytest.approx(truth["episode"]["r"], abs=1e-4)
                    for key in ("TimeLimit.truncated", "user_id", "exit_reason"):
                        assert info[key] == truth[key]
                    ends.append(info["TimeLimit.truncated"])
    assert 3 < sum(ends) < len(ends) - 3, "both kinds of end were met"


def test_masks_are_those_of_the_rows(env):
    sessions = SessionsVecEnv(env.unwrapped, 3)
    sessions.reset()
    assert sessions.has_attr("action_masks")
    assert np.array_equal(sessions.env_method("action_masks", indices=[2])[0], sessions.sessions.action_mask()[2])


def test_what_rows_cannot_do_is_refused(env):
    sessions = SessionsVecEnv(env.unwrapped, 2)
    with pytest.raises(UsageError, match="options"):
        sessions.set_options({"user_id": 1})
    with pytest.raises(UsageError, match="share one environment"):
        sessions.set_attr("max_steps", 3)
    with pytest.raises(UsageError, match="action_masks"):
        sessions.env_method("reset")
    with pytest.raises(UsageError, match="session that runs"):
        sessions.step(np.zeros(2, np.int64))
    broken = SessionsVecEnv(env.unwrapped, 2, reward=lambda *_: np.array([1.0, np.nan]))
    broken.reset()
    with pytest.raises(UsageError, match="one finite number"):
        broken.step(np.zeros(2, np.int64))


def test_same_seed_same_policy_and_nothing_global_moves(env, fitted, typical):
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy(), random.getstate(), torch.get_num_threads()
    again = make_agent("ppo", env, device="cpu", seed=3, **TINY).fit(env)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert (random.getstate(), torch.get_num_threads()) == before[2:]
    other = make_agent("ppo", env, device="cpu", seed=4, **TINY).fit(env)
    assert np.array_equal(again.scores(*typical), fitted.scores(*typical)) and again.history == fitted.history
    assert not np.allclose(other.scores(*typical), fitted.scores(*typical))


def test_fitting_is_quiet_and_keeps_the_curve(env, capfd):
    agent = make_agent("ppo", env, device="cpu", **TINY | {"total_timesteps": 1000}).fit(env)
    assert capfd.readouterr() == ("", "")
    last = agent.history[-1]
    assert last["timesteps"] == 1024, "whole rounds"
    assert last["sessions"] >= 1 and 1 <= last["length"] <= 100 and 0.5 <= last["return"] / last["length"] <= 5


@pytest.mark.parametrize(("env_id", "network"), [(WHOLE, "auto"), (ID, "flat")])
def test_other_networks_learn_too(env_id, network):
    env = gym.make(env_id)
    agent = make_agent("ppo", env, device="cpu", network=network, **TINY).fit(env)
    sessions = env.unwrapped.batch(3, agent.info)
    observations, infos = sessions.reset(env.unwrapped.users[:3])
    for _ in range(3):
        actions = agent.act(observations, infos)
        assert infos["action_mask"][np.arange(3), actions].all()
        observations, *_, infos = sessions.step(actions)


def test_it_learns_from_the_reward_of_the_wrapper(env):
    """Paid for the last place on offer, it takes the last place; nothing else could teach it that."""
    paid = LearnedReward(env, lambda _, actions, *__: (actions == 19).astype(float))
    agent = make_agent("ppo", env, device="cpu", network="flat", total_timesteps=12288, n_envs=32, n_steps=16).fit(paid)
    sessions = env.unwrapped.batch(32)
    actions = agent.act(*sessions.reset(env.unwrapped.users[:32]))
    assert (actions == 19).mean() > 0.9


def test_a_loaded_agent_acts_the_same(env, fitted, typical, tmp_path):
    fitted.save(tmp_path / "agent")
    loaded = load_agent(tmp_path / "agent", env, device="cpu")
    assert np.array_equal(loaded.scores(*typical), fitted.scores(*typical)) and loaded.history == fitted.history
    loaded.save(tmp_path / "again")
    twice = load_agent(tmp_path / "again", env, device="cpu")
    assert np.array_equal(twice.act(*typical), fitted.act(*typical))
    names = {path.name for path in (tmp_path / "agent").iterdir()}
    assert names == {"agent.json", "weights.safetensors", "history.json"}, "and nothing that could run"


def reseal(folder):
    """Let the card name the files as they are now, so that what opens them has to notice."""
    card = json.loads((folder / "agent.json").read_text())
    card["files"] = {name: sha256(folder / name) for name in card["files"]}
    (folder / "agent.json").write_text(json.dumps(card))


@pytest.mark.parametrize("damage", ["empty", "cut", "foreign history", "other width"])
def test_damaged_folders_are_refused(env, fitted, tmp_path, damage):
    folder = tmp_path / "agent"
    fitted.save(folder)
    path = folder / "weights.safetensors"
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif damage == "foreign history":
        (folder / "history.json").write_text("[")
    else:
        card = json.loads((folder / "agent.json").read_text())
        card["config"]["hidden"] = 24
        (folder / "agent.json").write_text(json.dumps(card))
    reseal(folder)
    with pytest.raises(ArtefactError, match="must"):
        load_agent(folder, env, device="cpu")


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        (lambda: None, "environment of ilrec_gym"),
        (lambda: "ml-1m", "environment of ilrec_gym"),
        (lambda: gym.make("CartPole-v1").unwrapped, "environment of ilrec_gym"),
        (lambda: gym.make(ID, max_steps=7), "made for"),
        (lambda: gym.make(WHOLE), "made for"),
        (lambda: gym.make(ID, split="test"), 'split "train"'),
        (lambda: gym.make(ID, max_episode_steps=10), "without wrappers"),
    ],
)
def test_wrong_sources_are_refused(env, source, rule):
    with pytest.raises(UsageError, match=rule):
        make_agent("ppo", env, **TINY).fit(source())


def test_test_users_with_leave(env):
    agent = make_agent("ppo", env, device="cpu", allow_test_users=True, **TINY | {"total_timesteps": 1})
    assert agent.fit(gym.make(ID, split="all")) is agent


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("total_timesteps", 0),
        ("n_envs", 2.5),
        ("batch_size", 500),
        ("batch_size", 1),
        ("learning_rate", 0.0),
        ("gamma", 1.5),
        ("ent_coef", -1.0),
        ("clip_range", float("nan")),
    ],
)
def test_wrong_settings_are_refused(env, setting, value):
    with pytest.raises(UsageError, match=setting):
        make_agent("ppo", env, **{setting: value})


def test_what_cannot_be_done_yet_or_here(env, fitted, typical, tmp_path, monkeypatch):
    fresh = make_agent("ppo", env, device="cpu", **TINY)
    with pytest.raises(UsageError, match="must have learned"):
        fresh.act(*typical)
    with pytest.raises(UsageError, match="must have learned"):
        fresh.save(tmp_path / "agent")
    assert not list(tmp_path.iterdir())
    for validated in (True, False):  # other libraries switch this in the whole process
        monkeypatch.setattr(torch.distributions.Distribution, "_validate_args", validated)
        with pytest.raises(UsageError, match="finite"):
            make_agent("ppo", env, device="cpu", **TINY | {"learning_rate": 1e30}).fit(env)
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="device must be there"):
            make_agent("ppo", env, device="cuda", **TINY).fit(env)
    fitted.save(tmp_path / "agent")
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    with pytest.raises(MissingExtraError, match="online"):
        fresh.fit(env)
    load_agent(tmp_path / "agent", env)  # what has learned needs torch alone


def test_it_learns_to_choose(env):
    """On every test user of the bundled data a uniform choice among the offered films gets 154 and the first one 183.

    A sixth of the default budget must beat the uniform choice clearly.
    """
    test = gym.make(ID, split="test")
    agent = make_agent("ppo", env, device="cpu", seed=0, total_timesteps=50_000).fit(env)
    learned, uniform = evaluate(agent, test), evaluate(make_agent("retriever_random", test), test)
    assert uniform.R_traj.mean == pytest.approx(154.5, rel=0.03)
    gain = paired_difference(learned.per_user("R_traj"), uniform.per_user("R_traj"))
    assert gain.low > 8, f"gain over the uniform choice: {gain}"
    curve = [point["return"] for point in agent.history]
    assert np.mean(curve[-3:]) > np.mean(curve[:3])
