"""The online family: what its agents share beside PPO, and what each adds."""

from __future__ import annotations

import sys
import tempfile
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from tiny import tiny

from ilrec_agents import load_agent, make_agent
from ilrec_agents.online.quiet import import_contrib, import_sb3
from ilrec_gym.errors import UsageError
from ilrec_gym.wrappers.learned_reward import LearnedReward

import_sb3()
import_contrib()

from ilrec_agents.networks import mlp, score_network  # noqa: E402
from ilrec_agents.online.off_policy_parts import DQN, ScoresDQNPolicy  # noqa: E402
from ilrec_agents.online.quantiles import QRDQN, Quantiles  # noqa: E402
from ilrec_agents.online.vec_env import SessionsVecEnv  # noqa: E402

BRIEF: dict[str, Any] = {"n_envs": 16, "hidden": 8, "network": "auto"}
ACTOR = BRIEF | {"total_timesteps": 512, "n_steps": 8, "batch_size": 32, "n_epochs": 1}
VALUE = BRIEF | {"total_timesteps": 512, "learning_starts": 128, "batch_size": 16, "target_update_interval": 64,
         "exploration_fraction": 0.3}  # fmt: skip
SETTINGS = {
    "a2c": BRIEF | {"total_timesteps": 512},
    "maskable_ppo": ACTOR,
    "recurrent_ppo": ACTOR,
    "dqn": VALUE,
    "qrdqn": VALUE | {"n_quantiles": 3},
}
VALUES = ["dqn", "qrdqn"]
LONGER = {"total_timesteps": 4_800, "batch_size": 64, "learning_rate": 5e-3, "target_update_interval": 160}
each = pytest.mark.parametrize("name", SETTINGS)


def made(name, env, **settings):
    return make_agent(name, env, device="cpu", **SETTINGS[name] | settings)


def under_way(agent, env, steps=3):
    """Observations and infos of random sessions, one pair per step."""
    base, rng = env.unwrapped, np.random.default_rng(0)
    sessions = base.batch(8, ["action_mask", "history"])
    seen = [sessions.reset(base.users[:8], seeds=np.arange(8))]
    for _ in range(steps):
        mask = seen[-1][1]["action_mask"]
        observations, *_, infos = sessions.step(np.where(mask, rng.random(mask.shape), -1).argmax(axis=1))
        seen.append((observations, infos))
    return seen


def test_agents_of_different_seeds_play_different_sessions(monkeypatch):
    rows, env = [], tiny("offered")
    begin = SessionsVecEnv.__init__

    def noted(self, env, n, *, seed, **more):
        rows.extend(range(seed, seed + n))
        begin(self, env, n, seed=seed, **more)

    monkeypatch.setattr(SessionsVecEnv, "__init__", noted)
    for seed in (0, 1, 2):
        made("dqn", env, seed=seed)._typical(env.unwrapped, None)
    assert len(rows) == len(set(rows)) == 3 * BRIEF["n_envs"]


@each
def test_fitting_is_quiet_watched_and_moves_nothing_global(name, capfd, tmp_path, monkeypatch):
    env, seen = tiny("offered"), []
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy(), torch.get_num_threads()
    agent = made(name, env)
    steps, scores = under_way(agent, env)[-1], []

    def look(agent, done):
        seen.append((done, agent.act(*steps)))
        scores.append(agent.scores(*steps))

    agent.fit(env, watch=look)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1]) and torch.get_num_threads() == before[2]
    assert capfd.readouterr() == ("", "") and not list(tmp_path.glob("SB3*"))
    done = [at for at, _ in seen]
    assert 4 <= len(done) <= 10 and done == sorted(set(done)) and done[-1] == 512
    assert np.array_equal(seen[-1][1].shape, (8,))
    assert np.array_equal(scores[-1], agent.scores(*steps)), "the last look is after the last update"
    assert 1 <= len(agent.history) <= 100
    assert sum(point["sessions"] for point in agent.history) == 512 / 4, "sessions of 4 steps, each noted once"
    assert agent.history[-1]["timesteps"] == 512 and {point["length"] for point in agent.history} == {4.0}


@each
def test_a_saved_agent_needs_no_library_to_play(name, tmp_path, monkeypatch):
    env = tiny("catalogue")
    agent = made(name, env).fit(env)
    agent.save(tmp_path / "agent")
    for library in ("stable_baselines3", "sb3_contrib"):
        monkeypatch.setitem(sys.modules, library, None)
    loaded, step = load_agent(tmp_path / "agent", env, device="cpu"), under_way(agent, env)[-1]
    assert np.array_equal(loaded.scores(*step), agent.scores(*step)) and loaded.history == agent.history


@each
def test_what_goes_wrong_is_told(name):
    env = tiny("offered")
    with pytest.raises(UsageError, match="finite"):
        made(name, env, learning_rate=1e30).fit(env)
    with pytest.raises(UsageError, match="one finite number"):
        made(name, env).fit(LearnedReward(env, lambda before, *_: np.full(len(before), np.nan)))
    with pytest.raises(UsageError, match='split "train"'):
        made(name, env).fit(tiny("offered", split="test"))
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="device must be there"):
            make_agent(name, env, device="cuda", **SETTINGS[name]).fit(env)


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("a2c", "n_steps", 0),
        ("a2c", "vf_coef", -1.0),
        ("maskable_ppo", "batch_size", 100),
        ("recurrent_ppo", "clip_range", 0.0),
        ("dqn", "buffer_size", 8),
        ("dqn", "exploration_final", 1.5),
        ("dqn", "reward_scaling", "standart"),
        ("dqn", "target_update_interval", 8),
        ("qrdqn", "n_quantiles", 1),
    ],
)
def test_wrong_settings_are_refused(name, setting, value):
    with pytest.raises(UsageError, match=setting):
        made(name, tiny("offered"), **{setting: value})


@pytest.mark.parametrize("name", ["maskable_ppo", *VALUES])
def test_what_the_viewer_has_seen_is_never_tried(name, monkeypatch):
    env, played, step = tiny("catalogue"), [], SessionsVecEnv.step_async

    def noted(self, actions):
        played.append(self.sessions.action_mask()[np.arange(len(actions)), actions])
        step(self, actions)

    monkeypatch.setattr(SessionsVecEnv, "step_async", noted)
    made(name, env, learning_rate=0.03).fit(env)
    learning = np.array(played[50:])  # the play that scaling is fitted on is uniform
    assert learning.shape == (512 / 16, 16) and learning.all()
    assert not np.array(played[:50]).all()


def test_rows_explore_one_by_one():
    """At epsilon = .5 half of the rows take the best action or happen to draw it, in one and the same step."""
    env = tiny("offered")
    rows = SessionsVecEnv(env.unwrapped, 800)
    network = score_network(make_agent("dqn", env).task, "auto", 8)
    algorithm = DQN(ScoresDQNPolicy, rows, policy_kwargs={"networks": lambda: network}, device="cpu")
    algorithm._last_obs = rows.reset()
    with torch.no_grad():
        best = network(torch.from_numpy(algorithm._last_obs)).numpy().argmax(axis=1)
    for rate, share in ((0.0, 1.0), (0.5, 0.5 + 0.5 / 4), (1.0, 0.25)):
        algorithm.num_timesteps, algorithm.exploration_rate = 100, rate
        actions, stored = algorithm._sample_action(0, None, 800)
        assert (actions == best).mean() == pytest.approx(share, abs=0.06) and np.array_equal(actions, stored)
    assert (algorithm._sample_action(101)[0] == best).mean() < 0.4, "before learning starts everything is drawn"


@pytest.mark.parametrize("name", VALUES)
def test_a_session_that_was_cut_goes_on_in_the_target(name):
    """Paid 1 per step at discount .3, actions are worth 1 / .7, the last one before the cut as well."""
    env = tiny("offered")
    paid = LearnedReward(env, lambda before, *_: np.ones(len(before)))
    agent = made(name, env, gamma=0.3, reward_scaling="none", **LONGER).fit(paid)
    for step in under_way(agent, env):
        assert agent.scores(*step).mean() == pytest.approx(1 / 0.7, abs=0.2)


@pytest.mark.parametrize("name", VALUES)
def test_a_session_that_was_left_does_not(name):
    env = gym.make("ilrec/MovieLens-Candidates-v0", user_model={"name": "satiation", "patience": 1e-6})
    paid = LearnedReward(env, lambda before, actions, after, left: np.where(left, 1.0, 0.5))
    agent = made(name, env, gamma=0.5, reward_scaling="none", **LONGER).fit(paid)
    assert (agent.scores(*under_way(agent, env, 0)[0]).mean()) == pytest.approx(1.0, abs=0.15)


def test_rewards_are_centred_for_values_only_where_asked():
    env = tiny("offered")
    for scaling, mean, std in (("standard", 0, 1), ("scale", None, 1), ("none", None, None)):
        agent = made("dqn", env, reward_scaling=scaling, n_envs=64)
        _, rewards = agent._typical(env.unwrapped, None)
        sessions = agent._scaled(SessionsVecEnv(env.unwrapped, 64, seed=99), rewards)
        sessions.reset()
        paid = np.concatenate([sessions.step(np.arange(64) % 4)[1] for _ in range(20)])
        expected = rewards.mean() / rewards.std() if scaling == "scale" else rewards.mean()
        assert paid.mean() == pytest.approx(expected if mean is None else mean, abs=0.25)
        assert paid.std() == pytest.approx(rewards.std() if std is None else std, rel=0.15)


@pytest.mark.parametrize("form", ["offered", "catalogue"])
def test_quantiles_lie_around_the_score(form):
    task = make_agent("qrdqn", tiny(form)).task
    x = torch.randn(5, task.layout.size)
    scores, width = (score_network(task, "auto", 8, value=value) for value in (True, False))
    quantiles = Quantiles(scores, width, mlp(task.layout.size, 8, 7), 7)(x)
    assert quantiles.shape == (5, 7, task.n_actions)
    assert torch.allclose(quantiles.mean(dim=1), scores(x), atol=1e-5)
    spread = quantiles.std(dim=1)
    assert (spread > 0).all() and (spread.std(dim=1) > 0).all(), "an action's own width"


@pytest.mark.parametrize("form", ["offered", "catalogue"])
def test_quantiles_of_single_actions_teach_what_those_of_all_do(form, monkeypatch):
    """Against sb3-contrib's own update, which makes them all and then chooses."""
    from sb3_contrib import QRDQN as EveryQuantile

    env = tiny(form)
    observations, infos = under_way(made("qrdqn", env), env)[-1]
    ours = made("qrdqn", env).fit(env).scores(observations, infos)
    monkeypatch.setattr(QRDQN, "train", EveryQuantile.train)
    assert ours == pytest.approx(made("qrdqn", env).fit(env).scores(observations, infos), abs=1e-4)


@pytest.mark.parametrize("form", ["offered", "catalogue"])
def test_the_memory_is_the_same_while_learning_and_while_acting(form):
    """The policy that learned, going step by step with its state, scores as the agent does from the history."""
    env = tiny(form)
    kept: list[Any] = []
    agent = made("recurrent_ppo", env, learning_rate=0.01)
    scores_of = agent._scores_of
    agent._scores_of = lambda algorithm: kept.append(algorithm.policy) or scores_of(algorithm)
    agent.fit(env)
    policy, shape = kept[-1], (1, 8, 8)
    state, seen = (torch.zeros(shape), torch.zeros(shape)), under_way(agent, env)
    for step, (observations, infos) in enumerate(seen):
        first = torch.full((8,), float(step == 0))
        with torch.no_grad():
            names = np.zeros((8, 0 if form == "offered" else 2), np.float32)  # of the session that was played first
            x = torch.from_numpy(np.concatenate([names, observations], axis=1))
            distribution, state = policy.get_distribution(x, state, first)
        expected = distribution.distribution.logits.numpy()
        free = expected[0] > -1e6
        ours = agent.scores(observations, infos)
        centred = [part[:, free] - part[:, free].mean(axis=1, keepdims=True) for part in (ours, expected)]
        assert centred[0] == pytest.approx(centred[1], abs=1e-4)


def test_the_past_counts():
    """The same present after another past is scored differently, though nobody else is in the batch."""
    env = tiny("catalogue")
    agent = made("recurrent_ppo", env, learning_rate=0.01).fit(env)
    observations, infos = under_way(agent, env)[-1]
    other = infos | {"history_ratings": infos["history_ratings"].copy()}
    other["history_ratings"][:, 0] = 1.0
    other["seed"] = infos["seed"] + 100  # other sessions, so nothing that is known of them applies
    assert not np.allclose(agent.scores(observations, infos), agent.scores(observations, other), atol=1e-5)


def test_what_was_seen_is_masked_while_learning():
    """Under the names that observations carry, the ledger forbids what the environment's own mask forbids."""
    from ilrec_agents.online.ledger import Ledger, Masked
    from ilrec_agents.online.vec_env import SessionsVecEnv
    from ilrec_agents.task import Task

    env = gym.make("ilrec/MovieLens-v0", catalogue_size=60, max_steps=6)
    task, rng = Task.of(env), np.random.default_rng(0)
    ledger = Ledger(task, 16)
    sessions = SessionsVecEnv(env.unwrapped, 16, seed=3, ledger=ledger)
    x, scored, seen = sessions.reset(), torch.zeros(16, 60), list[Any]()
    for _ in range(20):  # rows begin new sessions on the way
        masks = np.stack(sessions.env_method("action_masks"))
        seen.append((torch.from_numpy(x), masks))
        x, _, ended, infos = sessions.step(
            np.where(masks, rng.random(masks.shape), 2.0 * ~masks.any(1)[:, None]).argmax(1)
        )
        assert sessions.observation_space.contains(x[0])
        for row in np.flatnonzero(ended):
            assert infos[row]["terminal_observation"].shape == x[row].shape
    network = Masked(torch.nn.Identity(), ledger)
    network.network.forward = lambda _: scored
    for named, masks in seen:  # read again long after, as from a replay buffer
        forbidden = network(named).numpy() < -1e6
        assert np.array_equal(~forbidden, masks | ~masks.any(axis=1, keepdims=True))
