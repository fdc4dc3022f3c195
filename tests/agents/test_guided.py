"""The guided networks: untrained they rank as a far-sighted ``mmr`` does, by the features that items on offer have."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from tiny import random_sessions, share_of_best, tiny

from ilrec_agents import make_agent
from ilrec_agents.guided import _PACE, _UNIT, GuidedCandidates, GuidedTowers
from ilrec_agents.networks import score_network
from ilrec_agents.task import Task
from ilrec_gym.envs.retriever import WEIGHT

OFFERED, WHOLE = "ilrec/MovieLens-Candidates-v0", "ilrec/MovieLens-v0"


def under_way(env: gym.Env, n: int = 64, steps: int = 5) -> tuple[Any, Any, Any]:
    """Sessions after some steps of mmr, their observations and infos."""
    base: Any = env.unwrapped
    mmr, sessions = make_agent("mmr", env), base.batch(n, ["action_mask"])
    observations, infos = sessions.reset(base.users[:n])
    for _ in range(steps):
        observations, *_, infos = sessions.step(mmr.act(observations, infos))
    return sessions, observations, infos


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("env_id", [OFFERED, WHOLE])
def test_untrained_it_acts_as_a_far_sighted_mmr(env_id: str, value: bool) -> None:
    env = gym.make(env_id)
    _, observations, infos = under_way(env)
    network = score_network(Task.of(env), "guided", 8, observations=observations, value=value)
    with torch.no_grad():
        scores = network(torch.from_numpy(observations)).numpy()
    chosen = np.where(infos["action_mask"], scores, -np.inf).argmax(axis=1)
    mmr = make_agent("mmr", env, similarity_weight=2 * WEIGHT)
    assert np.array_equal(chosen, mmr.act(observations, infos))


@pytest.mark.parametrize(("place", "feature"), [(0, 0), (1, 3), (2, 4)], ids=["predicted", "match", "mean"])
def test_towers_see_the_features_of_items_on_offer(place: int, feature: int) -> None:
    """For each weight: what it adds to the scores of the towers is what the candidates' observation shows."""
    sessions, offered, infos = under_way(gym.make(OFFERED))
    layout = sessions.layout
    env = gym.make(WHOLE)
    network = score_network(Task.of(env), "guided", 8, value=False)
    assert isinstance(network, GuidedTowers)
    x = torch.from_numpy(offered[:, : layout.slices["candidates"].start])

    def scores() -> np.ndarray:
        with torch.no_grad():
            query, key = network.towers(x)
            return (query @ key.T).numpy().astype(float)

    before = scores()
    with torch.no_grad():
        network.worth[place] = 1 / (_UNIT * _PACE)
    added = np.take_along_axis(scores() - before, infos["candidates"], axis=1)
    shown = layout.candidates(offered)[..., feature].astype(float)
    if feature == 0:  # the towers leave out the viewer's own bias, and do not cut at the ends of the scale
        uncut = (np.abs(shown) < 1).all(axis=1)
        added, shown = added[uncut], shown[uncut]
        added, shown = (part - part.mean(axis=1, keepdims=True) for part in (added, shown))
    assert added.std() > 0
    np.testing.assert_allclose(added, shown, atol=2e-5)


def test_items_on_offer_are_found_again() -> None:
    env = gym.make(OFFERED)
    _, observations, infos = under_way(env)
    network = score_network(Task.of(env), "guided", 8, observations=observations)
    assert isinstance(network, GuidedCandidates)
    assert np.array_equal(network.offered(torch.from_numpy(observations)).numpy(), infos["candidates"])


@pytest.mark.parametrize("env_id", [OFFERED, WHOLE])
def test_an_untrained_policy_chooses_among_ten(env_id: str) -> None:
    env = gym.make(env_id)
    _, observations, _ = under_way(env)
    network = score_network(Task.of(env), "guided", 8, observations=observations, value=False)
    with torch.no_grad():
        width = torch.distributions.Categorical(logits=network(torch.from_numpy(observations))).entropy().mean().exp()
    assert width == pytest.approx(10, rel=0.01)


@pytest.mark.parametrize(("n", "width"), [(2, 1.5), (3, 1.5), (6, 3.0)])
def test_an_untrained_policy_chooses_among_few(n: int, width: float) -> None:
    env = gym.make(OFFERED, n_candidates=n)
    _, observations, _ = under_way(env)
    network = score_network(Task.of(env), "guided", 8, observations=observations, value=False)
    with torch.no_grad():
        found = torch.distributions.Categorical(logits=network(torch.from_numpy(observations))).entropy().mean().exp()
    assert found == pytest.approx(width, rel=0.01)


@pytest.mark.parametrize("form", ["offered", "catalogue"])
def test_every_part_learns(form: str) -> None:
    """All weights get a gradient once the last layers have left 0."""
    env = tiny(form)
    x = torch.from_numpy(random_sessions(env, 20).transitions().observations)
    network = score_network(Task.of(env), "guided", 8, observations=x.numpy())
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(3):
        optimiser.zero_grad()
        (network(x) ** 2)[:, 1:].mean().backward()
        optimiser.step()
    still = [name for name, weights in network.named_parameters() if not weights.grad.abs().sum() > 0]
    # What all items on offer share is centred away.
    assert set(still) <= {"advantage.value", "advantage.advantage.bias"}


GUIDED: list[tuple[str, str, dict[str, Any], float]] = [
    ("cql", "offered", {"updates": 400, "hidden": 32}, 0.6),
    ("cql", "catalogue", {"updates": 400, "hidden": 32, "learning_rate": 3e-3}, 0.6),
    ("ppo", "offered", {"total_timesteps": 16_384, "n_envs": 32, "n_steps": 8, "batch_size": 64,
                        "learning_rate": 3e-3, "gamma": 0.5}, 0.5),
]  # fmt: skip


@pytest.mark.parametrize(("name", "form", "settings", "least"), GUIDED, ids=[f"{n}-{f}" for n, f, *_ in GUIDED])
def test_it_leaves_a_public_ranking_that_misleads(name: str, form: str, settings: dict[str, Any], least: float) -> None:
    """In the tiny worlds what is public says nothing of what is liked: mmr comes less than a fifth of the way."""
    env = tiny(form)
    assert share_of_best(make_agent("mmr", env), env) < 0.25
    agent = make_agent(name, env, device="cpu", network="guided", **settings)
    agent.fit(env if agent.learns_from == "env" else random_sessions(env, 1000))
    assert share_of_best(agent, env) > least
