"""What the offline agents are made of: masks of the past, returns to go, propensities, constraints, shared bodies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from tiny import random_sessions, tiny
from torch.nn.functional import softmax

from ilrec_agents import make_agent
from ilrec_agents.offline.batches import Batches
from ilrec_agents.offline.constrained import ConstrainedScores
from ilrec_agents.offline.dataset import Episode, SessionDataset
from ilrec_agents.offline.quiet import import_d3rlpy
from ilrec_agents.offline.seen import SeenInLog
from ilrec_agents.offline.to_go import returns_to_go
from ilrec_agents.offline.windows import Windows, window
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError

CPU = torch.device("cpu")
VALUE_AGENTS = ["nfq", "offline_dqn", "ddqn", "bcq", "cql", "sac", "sqn", "ips"]
LEARNERS = [*VALUE_AGENTS, "dt"]
BRIEF: dict[str, Any] = {"updates": 20, "hidden": 8, "device": "cpu"}


@pytest.fixture(scope="module")
def world() -> gym.Env:
    return tiny("catalogue")


@pytest.fixture(scope="module")
def log(world: gym.Env) -> SessionDataset:
    return random_sessions(world, 200)


# Masks ------------------------------------------------------------------------------------------------------------


def test_masks_are_those_of_the_environment(env: gym.Env, play: Any) -> None:
    """Rebuilt from a dataset, they forbid what the mask forbade when the sessions were played anew."""
    whole = gym.make("ilrec/MovieLens-v0")
    log = play("random", 6, env_id="ilrec/MovieLens-v0")
    seen, base = SeenInLog(log, Task.of(whole), CPU), whole.unwrapped
    users = [base.scenario.users.index_of(int(episode.extras["user_id"][0])) for episode in log.episodes]
    sessions = base.batch(6, ["action_mask"])
    _, infos = sessions.reset(np.array(users), seeds=np.arange(6))
    for step in range(int(log.lengths.max())):
        rows = np.flatnonzero(log.lengths > step)
        given = seen.before(torch.from_numpy(rows), torch.full((len(rows),), step))
        np.testing.assert_array_equal(~given.numpy(), infos["action_mask"][rows])
        *_, infos = sessions.step(np.array([e.actions[min(step, len(e) - 1)] for e in log.episodes]))


def test_the_constraint_is_among_what_may_be_chosen() -> None:
    """G is 0.8, 0.16, 0.04 of three actions and tau 0.3; Q prefers the last."""
    fixed = [torch.nn.Linear(1, 3) for _ in range(2)]
    for layer, values in zip(fixed, ([1.0, 2.0, 3.0], np.log([0.8, 0.16, 0.04])), strict=True):
        torch.nn.init.zeros_(layer.weight)
        layer.bias.data = torch.tensor(values, dtype=torch.float32)
    network, x = ConstrainedScores(*fixed, 0.3), torch.zeros(1, 1)
    assert network(x).argmax() == 0
    unseen = network(x, torch.tensor([[False, True, True]]))[0]
    assert unseen[1] == 2 and unseen[2] < unseen[1], "0.04 is a quarter of 0.16"
    assert network(x, torch.tensor([[False, False, True]]))[0].argmax() == 2


def test_the_next_observation_knows_the_profile_and_what_was_shown_up_to_the_step(
    world: gym.Env, log: SessionDataset
) -> None:
    seen, users = SeenInLog(log, Task.of(world), CPU), Task.of(world).users
    batches = Batches(log, log.transitions().rewards, 64, seed=0, device=CPU, seen=seen)
    steps = batches.steps()
    forbidden, before = batches.at(steps).next_observations.forbidden, batches.before(steps)[0].forbidden
    for row, (session, step) in enumerate(zip(batches.session[steps], batches.step[steps], strict=True)):
        episode = log.episodes[int(session)]
        profile = users.profile_items[users.index_of(int(episode.extras["user_id"][0]))]
        known, shown = set(profile[profile >= 0].tolist()), episode.actions.tolist()
        assert set(np.flatnonzero(forbidden[row])) == known.union(shown[: int(step) + 1])
        assert set(np.flatnonzero(before[row])) == known.union(shown[: int(step)])


@pytest.mark.parametrize("name", ["nfq", "offline_dqn", "ddqn", "cql", "bcq", "sac"])
def test_targets_hope_for_allowed_actions_only(name: str, world: gym.Env, log: SessionDataset) -> None:
    """Where one action is left, the target is that one's value; d3rlpy's own would be the best of all."""
    agent = make_agent(name, world, **BRIEF)
    batches = agent._batches(log, CPU)
    modules = (impl := agent._algorithm(import_d3rlpy(), batches).impl).modules
    batch = batches.draw()
    left = torch.randint(agent.task.n_actions, (len(batch.rewards), 1))
    batch.next_observations.forbidden = torch.ones(len(left), agent.task.n_actions, dtype=torch.bool).scatter(
        1, left, False
    )
    values = torch.stack([q(batch.next_observations).q_value for q in modules.targ_q_funcs]).amin(dim=0)
    torch.testing.assert_close(impl.compute_target(batch), values.gather(1, left))
    del batch.next_observations.forbidden
    assert not torch.allclose(impl.compute_target(batch), values.gather(1, left))


def test_sqn_hopes_for_allowed_actions_only(world: gym.Env, log: SessionDataset) -> None:
    """An item that is shown first in every session and is worth much raises no hope after it."""
    first = [
        Episode(e.observations, np.concatenate([[0], np.where(e.actions[1:] == 0, 1, e.actions[1:])]),
                np.where(np.arange(len(e)) == 0, 100.0, 0.0), e.terminated)
        for e in log.episodes
    ]  # fmt: skip
    settings = BRIEF | {"updates": 60, "network": "flat", "gamma": 1.0, "reward_scaling": "none"}
    masked, hoping = (
        make_agent("sqn", world, learning_rate=0.03, target_update_interval=5, mask_seen=mask, **settings)
        .fit(replace(log, episodes=tuple(first)))
        .history[-1]["td_loss"]
        for mask in (True, False)
    )
    assert masked < 0.8 * hoping


def test_what_is_on_offer_needs_no_masks(env: gym.Env, play: Any) -> None:
    batches = make_agent("ddqn", env)._batches(play("logging", 20), CPU)
    assert not hasattr(batches.draw().next_observations, "forbidden")


# Parts ------------------------------------------------------------------------------------------------------------


def test_returns_to_go(log: SessionDataset) -> None:
    rewards = log.transitions().rewards
    sums = np.concatenate([[np.sum(0.9 ** np.arange(len(e) - t) * e.rewards[t:]) for t in range(len(e))]
                           for e in log.episodes])  # fmt: skip
    np.testing.assert_allclose(returns_to_go(log, rewards, 0.9), sums, rtol=1e-6)
    np.testing.assert_allclose(returns_to_go(log, rewards)[np.cumsum(log.lengths) - log.lengths], log.returns)


def test_windows_are_stretches_of_sessions(play: Any) -> None:
    """Every window holds the steps up to one, in order, with their own returns to go; what is in front is absent."""
    log = play("logging", 20)
    steps = log.transitions()
    windows = Windows(log, np.arange(len(steps)), 5, 256, seed=0, device=CPU)
    batch = windows.draw()
    there = batch.masks.numpy().astype(bool)
    rows = batch.returns_to_go[..., 0].numpy().astype(int)
    np.testing.assert_array_equal(batch.observations.numpy(), steps.observations[rows])
    np.testing.assert_array_equal(batch.actions[..., 0].numpy(), steps.actions[rows])
    for row, mask, number in zip(rows, there, batch.timesteps.numpy(), strict=True):
        assert mask[-1] and (np.diff(mask.astype(int)) >= 0).all() and (np.diff(row[mask]) == 1).all()
        assert len(set(steps.episodes[row])) == 1
        assert (number[~mask] == 0).all() and number[mask][-1] == number[mask][0] + mask.sum() - 1
        assert mask.all() or number[mask][0] == 1
    assert there.sum(axis=1).min() < 5 and windows.mean_length < 5


def test_a_window_is_padded_in_front() -> None:
    places, there = window(np.array([1, 4]), 3)
    np.testing.assert_array_equal(places, [[0, 0, 1], [2, 3, 4]])
    np.testing.assert_array_equal(there, [[False, True, True], [True, True, True]])


def test_errors_and_targets_are_those_of_d3rlpy(world: gym.Env, log: SessionDataset) -> None:
    """Faster, and the same numbers; CQL's second question for Q(s, .) gets the first one's answer, once."""
    agent = make_agent("cql", world, **BRIEF)
    batches = agent._batches(log, CPU)
    impl = agent._algorithm(import_d3rlpy(), batches).impl
    ours = impl._q_func_forwarder.forwarders[0]
    theirs = import_d3rlpy().models.torch.DiscreteMeanQFunctionForwarder(ours._q_func, agent.task.n_actions)
    batch, target = batches.draw(), 2 * torch.randn(256, 1)
    given = {
        "observations": batch.observations, "actions": batch.actions, "rewards": batch.rewards, "target": target,
        "terminals": torch.randint(2, (256, 1)).float(), "gamma": 0.7,
    }  # fmt: skip
    for reduction in ("none", "mean", "sum"):
        torch.testing.assert_close(
            ours.compute_error(reduction=reduction, **given).flatten(),
            theirs.compute_error(reduction=reduction, **given).flatten(),
        )
    torch.testing.assert_close(
        ours.compute_target(batch.observations, batch.actions[:, 0]),
        theirs.compute_target(batch.observations, batch.actions[:, 0]),
    )
    kept, fresh = (ours.compute_expected_q(batch.observations) for _ in range(2))
    torch.testing.assert_close(kept, fresh)
    with torch.no_grad():
        for parameter in ours._q_func.parameters():
            parameter += 1.0
    assert not torch.allclose(ours.compute_expected_q(batch.observations), fresh)


class Fixed(torch.nn.Module):
    def __init__(self, out: torch.Tensor) -> None:
        super().__init__()
        self.out = out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out


def test_constrained_scores_are_as_the_formula_says() -> None:
    q, logits = torch.randn(50, 6), torch.randn(50, 6) * 2
    scores = ConstrainedScores(Fixed(q), Fixed(logits), 0.3)
    given, g = scores(torch.zeros(50, 2)), softmax(logits, dim=1)
    free = g > 0.3 * g.amax(dim=1, keepdim=True)
    torch.testing.assert_close(given[free], q[free])
    for row in range(50):
        if not free[row].all():
            assert given[row][~free[row]].max() < q[row].min()
            order = given[row][~free[row]].argsort()
            assert (g[row][~free[row]][order].diff() >= 0).all()


@pytest.mark.parametrize("form", ["offered", "catalogue"])
@pytest.mark.parametrize("network", ["auto", "flat"])
def test_q_learning_changes_the_body_that_sqn_imitates_with(form: str, network: str) -> None:
    """With no weight on Q, sqn is bc; with weight it is not."""
    world = tiny(form)
    log = random_sessions(world, 50)
    x = log.episodes[0].observations
    scores = {
        (name, weight): make_agent(name, world, network=network, **BRIEF | more).fit(log).scores(x, {})
        for name, weight, more in [("bc", 0, {}), ("sqn", 0, {"q_weight": 0.0}), ("sqn", 1, {"q_weight": 1.0})]
    }
    centred = {key: value - value.mean(axis=1, keepdims=True) for key, value in scores.items()}
    np.testing.assert_allclose(centred["sqn", 0], centred["bc", 0], atol=1e-4)
    assert np.abs(centred["sqn", 1] - centred["bc", 0]).max() > 1e-3


@pytest.mark.parametrize("clip, least, most", [(1e-6, 0.0, 1e-6), (1e6, 0.3, 3.0)])
def test_ips_weights_are_clipped(clip: float, least: float, most: float, world: gym.Env, log: SessionDataset) -> None:
    """Without a clip the mean weight is about 1, as a change of measure has it."""
    agent = make_agent("ips", world, clip=clip, **BRIEF).fit(log)
    assert least < agent.history[-1]["weight"] <= most * (1 + 1e-6)


def test_dt_asks_for_a_high_return_of_the_dataset(world: gym.Env, log: SessionDataset) -> None:
    target = make_agent("dt", world, **BRIEF).fit(log)._network.returns[3]
    assert float(target) == pytest.approx(np.quantile(log.returns, 0.9), rel=1e-6)
    assert make_agent("dt", world, target_return=7.5, **BRIEF).fit(log)._network.returns[3] == 7.5


@pytest.mark.parametrize("form", ["offered", "catalogue"])
def test_dt_reads_the_last_steps_of_running_sessions(form: str) -> None:
    """What it makes again from the history is what was observed, done and earned; the target shrinks by the ratings."""
    world = tiny(form)
    settings = {"hidden": 32, "updates": 60, "learning_rate": 1e-2, "context": 2, "target_return": 11.0}
    agent = make_agent("dt", world, device="cpu", **settings).fit(random_sessions(world, 50))
    base, rng = world.unwrapped, np.random.default_rng(0)
    sessions, seeds = base.batch(5, agent.info), np.arange(5)
    observations, infos = sessions.reset(base.draw_users(seeds), seeds=seeds)
    seen, taken, earned = [observations.copy()], [], []
    for _ in range(3):
        taken.append(np.where(mask := infos["action_mask"], rng.random(mask.shape), -1).argmax(axis=1))
        observations, *_, infos = sessions.step(taken[-1])
        seen.append(observations.copy())
        earned.append(infos["rating"])
    one, two, three = earned
    to_go = np.maximum(np.stack([11 - one - two, 11 - one - two - three], axis=1), float(agent._network.returns[2]))
    given = [
        np.stack(seen[2:], axis=1), np.stack([taken[2], 0 * taken[2]], axis=1)[..., None],
        to_go[..., None].astype(np.float32), np.tile([3, 4], (5, 1)), np.zeros((5, 2), np.float32),
    ]  # fmt: skip
    expected = agent._network(*map(torch.from_numpy, given))[1][:, -1]
    np.testing.assert_allclose(agent.scores(observations, infos), expected, rtol=1e-4, atol=1e-5)
    wrong = agent._network(*map(torch.from_numpy, [*given[:2], given[2] + 3, *given[3:]]))[1][:, -1]
    assert np.abs(wrong.numpy() - expected.numpy()).max() > 1e-3  # the return asked for does count


# Bad input --------------------------------------------------------------------------------------------------------


def test_ips_refuses_a_dataset_without_propensities(world: gym.Env, log: SessionDataset) -> None:
    bare = replace(log, episodes=tuple(replace(episode, extras={}) for episode in log.episodes))
    with pytest.raises(UsageError, match="propensity"):
        make_agent("ips", world, **BRIEF).fit(bare)


@pytest.mark.parametrize("wrong", [0.0, -0.5, 1.5, np.nan])
def test_ips_refuses_propensities_that_are_none(wrong: float, world: gym.Env, log: SessionDataset) -> None:
    first, *rest = log.episodes
    given = np.where(np.arange(len(first)) == 1, wrong, 0.5)
    with pytest.raises(UsageError, match="above 0"):
        make_agent("ips", world, **BRIEF).fit(
            replace(log, episodes=(replace(first, extras={"propensity": given}), *rest))
        )


def test_ips_refuses_more_than_one_propensity_per_step(world: gym.Env, log: SessionDataset) -> None:
    def given(shape: tuple[int, ...]) -> SessionDataset:
        episodes = (replace(e, extras={"propensity": np.full((len(e), *shape), 0.5)}) for e in log.episodes)
        return replace(log, episodes=tuple(episodes))

    for shape in ((1,), (2, 3)):
        with pytest.raises(UsageError, match="one number per step"):
            make_agent("ips", world, **BRIEF).fit(given(shape))
    with pytest.raises(UsageError, match="one shape in all sessions"):
        make_agent("ips", world, **BRIEF).fit(given(()).merge(given((1,))))


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("kind", ["one reward", "one action"])
def test_a_log_that_says_little_does_no_harm(name: str, kind: str, log: SessionDataset, world: gym.Env) -> None:
    """Rewards that are all equal, or one action only: what is learned is finite all the same."""
    task = Task.of(world)
    episodes = [replace(e, actions=np.zeros_like(e.actions)) for e in log.episodes]
    if kind == "one reward":
        told = (3.0 - sum(task.rating_scale) / 2) / task.half
        seen = [e.observations.copy() for e in log.episodes]
        for x in seen:
            x[1:, task.layout.slices["ratings"].start] = told
        rewards = [np.full_like(e.rewards, 3.0) for e in log.episodes]
        episodes = [replace(e, observations=x, rewards=r) for e, x, r in zip(log.episodes, seen, rewards, strict=True)]
    sessions = replace(log, episodes=tuple(episodes))
    agent = make_agent(name, world, **BRIEF).fit(sessions)
    assert all(np.isfinite(value) for value in agent.history[-1].values())


@pytest.mark.parametrize("name", LEARNERS)
def test_same_seed_same_network(name: str, world: gym.Env, log: SessionDataset) -> None:
    first, again, other = (
        torch.cat([p.flatten() for p in make_agent(name, world, seed=seed, **BRIEF).fit(log)._network.parameters()])
        for seed in (1, 1, 2)
    )
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.allclose(first, other)


@pytest.mark.parametrize(
    "name, setting",
    [
        ("nfq", {"gamma": 1.01}), ("ddqn", {"mask_seen": 1}), ("offline_dqn", {"target_update_interval": 0}),
        ("bcq", {"action_flexibility": 0.0}), ("bcq", {"beta": -1.0}), ("sac", {"n_critics": 0}),
        ("sac", {"temperature": 0.0}), ("sqn", {"q_weight": -1.0}), ("ips", {"clip": 0.0}), ("ips", {"top_k": 0}),
        ("ips", {"entropy_weight": -1.0}), ("dt", {"context": 0}), ("dt", {"heads": 7}), ("dt", {"dropout": 1.0}),
        ("dt", {"target_quantile": 1.5}), ("dt", {"target_return": float("nan")}),
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(name: str, setting: dict[str, Any], world: gym.Env) -> None:
    with pytest.raises(UsageError, match=next(iter(setting))):
        make_agent(name, world, **setting)
