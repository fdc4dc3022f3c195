"""What agents that learn by playing hope for, remember, keep and are seeded with, looked at from inside."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from tiny import MODEL, random_sessions, tiny

from ilrec_agents import make_agent
from ilrec_agents.networks import Standardise, score_network
from ilrec_agents.online.quiet import import_contrib, import_sb3
from ilrec_agents.online.reader import Reader
from ilrec_agents.online.source import first_session
from ilrec_agents.seen import NEVER
from ilrec_agents.task import Task
from ilrec_gym.testing.synthetic import synthetic_scenario

import_sb3()
import_contrib()

from sb3_contrib.common.recurrent.type_aliases import RNNStates  # noqa: E402

from ilrec_agents.online.ledger import Ledger  # noqa: E402
from ilrec_agents.online.vec_env import SessionsVecEnv  # noqa: E402

BRIEF: dict[str, Any] = {"n_envs": 16, "hidden": 8, "network": "auto", "total_timesteps": 512, "learning_rate": 0.01}
ACTOR = BRIEF | {"n_steps": 8, "batch_size": 32, "n_epochs": 1}
VALUE = BRIEF | {"learning_starts": 128, "batch_size": 16, "target_update_interval": 64}
SETTINGS = {
    "a2c": BRIEF,
    "ppo": ACTOR,
    "maskable_ppo": ACTOR,
    "recurrent_ppo": ACTOR,
    "dqn": VALUE,
    "qrdqn": VALUE | {"n_quantiles": 3},
}
each = pytest.mark.parametrize("name", SETTINGS)
of_values = pytest.mark.parametrize("name", ["dqn", "qrdqn"])


def learned(name: str, env: gym.Env[Any, Any], **options: Any) -> tuple[Any, Any]:
    """An agent that has learned, and the algorithm of SB3 that it learned with."""
    agent: Any = make_agent(name, env, device="cpu", **SETTINGS[name] | options)
    algorithms, scores_of = [], agent._scores_of
    agent._scores_of = lambda algorithm: algorithms.append(algorithm) or scores_of(algorithm)
    agent.fit(env)
    return agent, algorithms[-1]


def rows_of(algorithm: Any) -> SessionsVecEnv:
    rows = algorithm.get_env()
    while not isinstance(rows, SessionsVecEnv):
        rows = rows.venv
    return rows


# Targets -----------------------------------------------------------------------------------------------------------


@of_values
def test_what_was_seen_raises_no_hope(name: str) -> None:
    """The target network scores no item that the next observation's session has seen, nor the one just shown."""
    env: Any = tiny("catalogue")
    agent, algorithm = learned(name, env)
    batch = algorithm.replay_buffer.sample(256)
    with torch.no_grad():
        values = (algorithm.q_net_target if name == "dqn" else algorithm.quantile_net_target)(batch.next_observations)
    values = values if name == "dqn" else values.mean(dim=1)
    forbidden, shown = values < NEVER / 2, batch.next_observations[:, 1].long()
    assert forbidden.gather(1, batch.actions).all()
    profiles = agent.task.users.profile_items[env.unwrapped.users]
    assert set((forbidden.sum(dim=1) - shown).tolist()) == {len(set(profile)) for profile in profiles}
    assert set(shown.tolist()) == {1, 2, 3, 4}, "the last observations of sessions as well"


def test_where_everything_was_seen_nothing_is_forbidden() -> None:
    """As the masks of the environment, which then say nothing."""
    scenario = synthetic_scenario(12, 12, factors=2, public_factors=2, genres=3, profile_length=3, seed=5)
    task = Task.of(gym.make("ilrec/MovieLens-v0", dataset=scenario, user_model=MODEL, max_steps=4))
    ledger, users = Ledger(task, 1), np.array([0])
    ledger.begin(np.array([0]), users)
    unseen = np.setdiff1d(np.arange(task.n_actions), task.users.profile_items[0])
    for step, item in enumerate(unseen):
        names = torch.from_numpy(ledger.named(np.zeros((1, 2), np.float32), np.array([step])))
        assert torch.equal(~ledger.seen(names)[0], torch.from_numpy(np.isin(np.arange(12), unseen[step:])))
        ledger.show(np.array([item]), np.array([step]))
    end = torch.from_numpy(ledger.named(np.zeros((1, 2), np.float32), np.array([len(unseen)])))
    assert not ledger.seen(end).any()


# Seeds and scales --------------------------------------------------------------------------------------------------


def test_rows_begin_with_seeds_of_their_own() -> None:
    env: Any = tiny("offered").unwrapped
    made, seeded = SessionsVecEnv(env, 6, seed=7), SessionsVecEnv(env, 6)
    seeded.seed(7)
    first = made.reset()
    assert np.array_equal(first, seeded.reset())
    assert np.array_equal(first, np.concatenate([SessionsVecEnv(env, 1, seed=7 + row).reset() for row in range(6)]))
    assert len(np.unique(first, axis=0)) > 1


@each
def test_the_seed_of_an_agent_is_that_of_its_rows_and_its_rate_falls_to_0(name: str) -> None:
    _, algorithm = learned(name, tiny("offered"), seed=5)
    assert np.array_equal(rows_of(algorithm)._queue.seeds, first_session(5) + np.arange(16))
    assert algorithm.policy.optimizer.param_groups[0]["lr"] < 0.1 * BRIEF["learning_rate"]


def test_scales_are_fitted_on_the_reward_that_is_paid() -> None:
    env: Any = tiny("offered").unwrapped
    _, paid = make_agent("dqn", env, n_envs=16)._typical(env, lambda before, *_: np.full(len(before), 7.0))
    assert (paid == 7).all() and len(paid) > 100


# What is kept ------------------------------------------------------------------------------------------------------


@of_values
@pytest.mark.parametrize("form", ["offered", "catalogue"])
def test_the_network_that_learned_is_kept(name: str, form: str) -> None:
    """Not its target, which is older."""
    env = tiny(form)
    agent, algorithm = learned(name, env, target_update_interval=10_000)
    x = torch.from_numpy(random_sessions(env, 8).transitions().observations)
    names = torch.zeros(len(x), 0 if form == "offered" else 2)
    policy = algorithm.policy
    nets = (policy.q_net, policy.q_net_target) if name == "dqn" else (policy.quantile_net, policy.quantile_net_target)
    with torch.no_grad():
        now, before = (net(torch.cat([names, x], dim=1)) for net in nets)
    if name == "qrdqn":
        now, before = now.mean(dim=1), before.mean(dim=1)
    free = now[0] > NEVER / 2
    scores = agent.scores(x.numpy(), {})
    np.testing.assert_allclose(scores[:, free], now[:, free], rtol=1e-3, atol=1e-4)
    assert np.abs(scores[:, free] - before[:, free].numpy()).max() > 1e-2


# Memory ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["offered", "catalogue"])
def test_a_memory_ends_with_its_session(form: str) -> None:
    """Where a session begins, what was remembered before counts for nothing, when playing and in a sequence."""
    env = tiny(form)
    _, algorithm = learned("recurrent_ppo", env)
    policy = algorithm.policy
    x = torch.from_numpy(rows_of(algorithm).reset())
    n, actions = len(x), torch.zeros(len(x), dtype=torch.long)
    old, none = (tuple(fill(1, n, 8) for _ in range(2)) for fill in (torch.ones, torch.zeros))
    starts, goes_on = torch.ones(n), torch.zeros(n)
    with torch.no_grad():
        logits = [
            policy.get_distribution(x, state, first)[0].distribution.logits
            for state, first in ((old, starts), (none, starts), (old, goes_on))
        ]
        assert torch.equal(logits[0], logits[1]) and not torch.allclose(logits[0], logits[2], atol=1e-6)
        states, single = (tuple(torch.ones(1, 1, 8) for _ in range(2)) for _ in range(2)), torch.zeros(n)
        single[n // 2] = 1.0  # one row of n steps, with a new session half way
        values = policy.evaluate_actions(x, actions, RNNStates(*states), single)[0]
        half = RNNStates(*(tuple(torch.zeros(1, 1, 8) for _ in range(2)) for _ in range(2)))
        alone = policy.evaluate_actions(x[n // 2 :], actions[n // 2 :], half, single[n // 2 :])[0]
    torch.testing.assert_close(values[n // 2 :], alone)


def test_both_memories_learn() -> None:
    """The actor's LSTM and the critic's are two, and each gets a gradient from its own loss."""
    _, algorithm = learned("recurrent_ppo", tiny("offered"))
    policy, x = algorithm.policy, torch.from_numpy(rows_of(algorithm).reset())
    states = RNNStates(*(tuple(torch.ones(1, len(x), 8) for _ in range(2)) for _ in range(2)))
    actor, critic = policy.mlp_extractor.actor.reader.lstm, policy.mlp_extractor.critic.reader.lstm
    for loss, learns, rests in ((1, actor, critic), (0, critic, actor)):
        policy.optimizer.zero_grad()
        out = policy.evaluate_actions(x, torch.zeros(len(x), dtype=torch.long), states, torch.zeros(len(x)))
        out[loss].sum().backward()
        assert all(part.grad is not None and part.grad.any() for part in learns.parameters())
        assert all(part.grad is None or not part.grad.any() for part in rests.parameters())


def test_sessions_of_several_lengths_are_read_each_to_its_end() -> None:
    env = tiny("offered")
    layout: Any = env.unwrapped.layout
    x = torch.from_numpy(random_sessions(env, 5).transitions().observations.reshape(5, 4, -1))
    reader = Reader(Standardise(x.flatten(0, 1).numpy(), layout), layout, torch.nn.Linear(x.shape[2], 3), 8)
    torch.nn.init.normal_(reader.memory_to_input.weight)
    lengths = torch.tensor([4, 1, 3, 2, 4])
    with torch.no_grad():
        together = reader.after(x, lengths)
        for row, length in enumerate(lengths):
            alone = reader.after(x[row : row + 1, :length], lengths[row : row + 1])[0]
            torch.testing.assert_close(together[row], alone, rtol=1e-4, atol=1e-5)


# Guided networks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["offered", "catalogue"])
def test_guided_networks_read_standardised_observations_around_their_value(form: str) -> None:
    """The mean of the scores is V, and what V and A read has mean 0 and standard deviation 1, offers aside."""
    env: Any = tiny(form)
    context = env.unwrapped.layout.context.size
    observations = random_sessions(env, 100).transitions().observations
    network: Any = score_network(Task.of(env), "guided", 8, observations=observations, value=True)
    given: dict[str, torch.Tensor] = {}
    parts = {"value": network.value} | ({"advantage": network.advantage} if form == "offered" else {})
    for name, part in parts.items():
        part.register_forward_hook(lambda _, x, out, name=name: given.update({name: x[0], f"out of {name}": out}))
    with torch.no_grad():
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        scores = network(torch.from_numpy(observations))
    torch.testing.assert_close(scores.mean(dim=1), given["out of value"][:, 0], rtol=1e-3, atol=1e-3)
    for name in parts:
        read = given[name][:, :context]
        std = read.std(dim=0)
        assert read.mean(dim=0).abs().max() < 0.05
        assert (std[std > 0.05] - 1).abs().max() < 0.1
