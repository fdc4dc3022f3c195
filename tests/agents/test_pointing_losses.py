"""Agents that point at items: what d3rlpy minimises for them is what their formulas say, under their settings."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from tiny import random_sessions, tiny
from torch import Tensor

from ilrec_agents import make_agent
from ilrec_agents.networks import Standardise
from ilrec_agents.offline.continuous.networks import Meets, PairReader
from ilrec_agents.offline.dataset import SessionDataset
from ilrec_agents.offline.quiet import import_d3rlpy

import_d3rlpy()

from d3rlpy.models.torch import get_parameter  # noqa: E402
from d3rlpy.models.torch.policies import build_gaussian_distribution  # noqa: E402

NAMES = ["td3_bc", "iql", "awac", "crr", "continuous_cql"]
FEW: dict[str, Any] = {"updates": 10, "hidden": 8, "batch_size": 32, "device": "cpu"}
each = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def world() -> gym.Env:
    return tiny("catalogue")


@pytest.fixture(scope="module")
def log(world: gym.Env) -> SessionDataset:
    return random_sessions(world, 100)


def begun(name: str, world: gym.Env, log: SessionDataset, **settings: Any) -> tuple[Any, Any, Any]:
    """An agent, d3rlpy's algorithm as the agent makes it, before its first update, and a batch."""
    agent: Any = make_agent(name, world, **FEW | settings)
    batches = agent._batches(log, torch.device("cpu"))
    torch.manual_seed(0)
    return agent, agent._algorithm(import_d3rlpy(), batches).impl, batches.draw()


def values(impl: Any, batch: Any, points: Tensor, *, target: bool = False) -> Tensor:
    """``(C, B, 1)`` of every critic."""
    forwarder = impl._targ_q_func_forwarder if target else impl._q_func_forwarder
    return forwarder.compute_expected_q(batch.observations, points, "none")


def log_prob(impl: Any, batch: Any) -> Tensor:
    return build_gaussian_distribution(impl.modules.policy(batch.observations)).log_prob(batch.actions)


@each
def test_discount_targets_and_critics_are_as_set(name: str, world: gym.Env, log: SessionDataset) -> None:
    """y = r + gamma (1 - left) target; target networks take over the share tau of what was learned."""
    _, impl, batch = begun(name, world, log, gamma=0.3, tau=0.25, n_critics=3)
    assert len(impl.modules.q_funcs) == 3
    batch.terminals[::2] = 1.0
    following = torch.full((32, 1), 7.0)
    wanted = batch.rewards + 0.3 * (1 - batch.terminals) * following
    loss = ((values(impl, batch, batch.actions) - wanted) ** 2).mean(dim=(1, 2)).sum()
    error = impl._q_func_forwarder.compute_error(
        observations=batch.observations, actions=batch.actions, rewards=batch.rewards, target=following,
        terminals=batch.terminals, gamma=impl._gamma**batch.intervals,
    )  # fmt: skip
    torch.testing.assert_close(error, loss)
    with torch.no_grad():
        for parameter in impl.modules.q_funcs.parameters():
            parameter += 1.0
    before = [parameter.clone() for parameter in impl.modules.targ_q_funcs.parameters()]
    impl.update_critic_target()
    now = zip(impl.modules.targ_q_funcs.parameters(), before, impl.modules.q_funcs.parameters(), strict=True)
    for target, old, learned in now:
        torch.testing.assert_close(target, 0.75 * old + 0.25 * learned)


@pytest.mark.parametrize(("scaling", "mean", "std"), [("standard", 0, 1), ("scale", None, 1), ("none", None, None)])
def test_rewards_are_scaled_as_set(
    scaling: str, mean: float | None, std: float | None, world: gym.Env, log: SessionDataset
) -> None:
    agent: Any = make_agent("td3_bc", world, reward_scaling=scaling, **FEW)
    given, rewards = log.transitions().rewards.astype(float), agent._batches(log, torch.device("cpu"))._reward.numpy()
    kept = given.mean() if scaling == "none" else given.mean() / given.std()
    assert rewards.mean() == pytest.approx(kept if mean is None else mean, abs=1e-4)
    assert rewards.std() == pytest.approx(given.std() if std is None else std, rel=1e-4)


def test_td3_bc(world: gym.Env, log: SessionDataset) -> None:
    agent, impl, batch = begun("td3_bc", world, log, alpha=0.7, smoothing=0.1)
    action = impl.modules.policy(batch.observations)
    q = values(impl, batch, action.squashed_mu)[0]
    cloning = ((action.squashed_mu - batch.actions) ** 2).mean()
    torch.testing.assert_close(
        impl.compute_actor_loss(batch, action).actor_loss, cloning - 0.7 / q.abs().mean() * q.mean()
    )
    assert (impl._target_smoothing_sigma, impl._target_smoothing_clip) == pytest.approx((0.1, 0.25))


def test_iql(world: gym.Env, log: SessionDataset) -> None:
    _, impl, batch = begun("iql", world, log, expectile=0.9, weight_temp=4.0, max_weight=1.5)
    a = values(impl, batch, batch.actions, target=True).amin(dim=0) - impl.modules.value_func(batch.observations)
    assert (a > 0).any() and (a < 0).any()
    torch.testing.assert_close(impl.compute_value_loss(batch), (torch.where(a < 0, 0.1, 0.9) * a**2).mean())
    weight = (4 * a).exp().clamp(max=1.5)
    assert 0 < (weight == 1.5).float().mean() < 1
    action = impl.modules.policy(batch.observations)
    torch.testing.assert_close(
        impl.compute_actor_loss(batch, action).actor_loss, -(weight.detach() * log_prob(impl, batch)).mean()
    )


def over_policy(impl: Any, batch: Any, n: int) -> Tensor:
    """``(C, B, n)`` values of n points of the policy each, drawn after the seed 0."""
    torch.manual_seed(0)
    points = build_gaussian_distribution(impl.modules.policy(batch.observations)).sample_n(n)
    return torch.cat([values(impl, batch, points[:, k]) for k in range(n)], dim=2)


def test_awac(world: gym.Env, log: SessionDataset) -> None:
    _, impl, batch = begun("awac", world, log, lam=0.05, n_action_samples=3)
    usual = over_policy(impl, batch, 3).amin(dim=0).mean(dim=1, keepdim=True)
    a = values(impl, batch, batch.actions).amin(dim=0) - usual
    wanted = -32 * (torch.softmax(a / 0.05, dim=0).detach() * log_prob(impl, batch)).sum()
    torch.manual_seed(0)
    action = impl.modules.policy(batch.observations)
    torch.testing.assert_close(impl.compute_actor_loss(batch, action).actor_loss, wanted)


@pytest.mark.parametrize("weight", ["exp", "binary"])
@pytest.mark.parametrize("advantage", ["mean", "max"])
def test_crr(weight: str, advantage: str, world: gym.Env, log: SessionDataset) -> None:
    settings = {"weight": weight, "advantage": advantage, "beta": 0.2, "max_weight": 1.2, "n_action_samples": 3}
    _, impl, batch = begun("crr", world, log, **settings)
    usual = over_policy(impl, batch, 3).mean(dim=0)
    usual = usual.mean(dim=1, keepdim=True) if advantage == "mean" else usual.amax(dim=1, keepdim=True)
    a = (values(impl, batch, batch.actions).mean(dim=0) - usual).detach()
    f = (a / 0.2).exp().clamp(max=1.2) if weight == "exp" else (a > 0).float()
    torch.manual_seed(0)
    action = impl.modules.policy(batch.observations)
    torch.testing.assert_close(impl.compute_actor_loss(batch, action).actor_loss, -(f * log_prob(impl, batch)).mean())


def test_continuous_cql(world: gym.Env, log: SessionDataset) -> None:
    """Its two weights are as set, and stay so."""
    losses = []
    for alpha in (0.0, 0.2, 0.4):
        _, impl, batch = begun("continuous_cql", world, log, alpha=alpha, temperature=0.05, n_action_samples=3)
        torch.manual_seed(0)
        losses.append(float(impl.compute_critic_loss(batch, torch.zeros(32, 1)).critic_loss.detach()))
    drawn = begun("continuous_cql", world, log, alpha=1.0, n_action_samples=3)[1]
    torch.manual_seed(0)
    conservative = drawn._compute_conservative_loss(
        batch.observations, batch.actions, batch.next_observations, batch.returns_to_go
    )
    assert np.diff(losses) == pytest.approx(0.2 * float(conservative.sum().detach()), rel=1e-3)
    for step in range(3):
        impl.update(batch, step)
    assert float(get_parameter(impl.modules.log_temp).exp().detach()) == pytest.approx(0.05)
    assert float(get_parameter(impl.modules.log_alpha).exp().detach()) == pytest.approx(1.0)


@each
def test_what_learned_is_kept_and_rates_fall_to_0(name: str, world: gym.Env, log: SessionDataset) -> None:
    """Actor and critics themselves, not their targets; both have learned all the way along the cosine."""
    agent: Any = make_agent(name, world, **FEW)
    algorithms, scores_of = [], agent._scores_of
    agent._scores_of = lambda algorithm: algorithms.append(algorithm) or scores_of(algorithm)
    agent.fit(log)
    impl, network = algorithms[-1].impl, agent._network
    x, a = torch.from_numpy(log.transitions().observations), torch.zeros(log.n_transitions, len(agent.space.points[0]))
    with torch.no_grad():
        torch.testing.assert_close(torch.tanh(network.actor(x)), impl.modules.policy(x).squashed_mu)
        for kept, learned, target in zip(network.critics, impl.modules.q_funcs, impl.modules.targ_q_funcs, strict=True):
            torch.testing.assert_close(kept(x, a), learned(x, a).q_value)
            assert not torch.allclose(kept(x, a), target(x, a).q_value, atol=1e-4)
    for optimizer in (impl.modules.actor_optim, impl.modules.critic_optim):
        assert optimizer.optim.param_groups[0]["lr"] < 0.01 * agent.config.learning_rate


@pytest.mark.parametrize("embedding", ["content", "factors"])
def test_values_change_with_the_point_as_their_gradient_says(
    embedding: str, world: gym.Env, log: SessionDataset
) -> None:
    """Actors follow this gradient; a part that is cut from it would mislead them."""
    agent: Any = make_agent("td3_bc", world, embedding=embedding, **FEW)
    x = torch.from_numpy(log.transitions().observations[:6]).double()
    scale = Standardise(log.transitions().observations, agent.task.layout.context)
    reader = PairReader(scale, Meets(agent.space), 8).double()
    points = torch.from_numpy(agent.space.points[:6]).double().requires_grad_()
    torch.manual_seed(0)
    assert torch.autograd.gradcheck(lambda a: reader(x, a), points)


def test_items_beyond_the_box_are_valued_at_its_edge(world: gym.Env, log: SessionDataset) -> None:
    """As they were learned: no batch holds a point outside."""
    agent: Any = make_agent("td3_bc", world, **FEW).fit(log)
    network, x = agent._network, torch.from_numpy(log.transitions().observations)
    network.items *= 5
    with torch.no_grad():
        values = network.values(x, torch.arange(12).expand(len(x), 12))
        for item, point in enumerate(network.items):
            edge = point.clamp(-1, 1).expand(len(x), -1)
            wanted = torch.stack([critic(x, edge)[:, 0] for critic in network.critics]).amin(dim=0)
            torch.testing.assert_close(values[:, item], wanted, rtol=1e-4, atol=1e-5)
    assert (network.items.abs() > 1).any()
