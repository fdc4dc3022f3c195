"""Agents that point at items: where items lie, which one is taken, what is learned from, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from tiny import random_sessions, tiny

from ilrec_agents import load_agent, make_agent
from ilrec_agents.offline.continuous.batches import PointBatches
from ilrec_agents.offline.continuous.embedding import EMBEDDINGS
from ilrec_agents.offline.dataset import SessionDataset
from ilrec_agents.offline.shown import items_shown
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError
from ilrec_gym.testing.agents import begin
from ilrec_gym.wrappers import ItemEmbeddingAction
from ilrec_gym.wrappers.item_embedding import SPREADS, public_vectors

NAMES = ["td3_bc", "iql", "awac", "crr", "continuous_cql"]
FEW: dict[str, Any] = {"updates": 10, "hidden": 8, "batch_size": 32}


@pytest.fixture(scope="module")
def whole() -> gym.Env:
    return gym.make("ilrec/MovieLens-v0")


@pytest.fixture(scope="module")
def log(play: Any) -> SessionDataset:
    return play("logging", 20)


def without(dataset: SessionDataset, name: str, of: int) -> SessionDataset:
    """Without an extra in the first sessions."""
    extras = [{k: v for k, v in e.extras.items() if k != name or i >= of} for i, e in enumerate(dataset.episodes)]
    return replace(dataset, episodes=tuple(replace(e, extras=x) for e, x in zip(dataset.episodes, extras, strict=True)))


# Where items lie ---------------------------------------------------------------------------------------------------


def test_what_is_near_by_content_is_near_as_points(env: gym.Env) -> None:
    """Distances of points are those of bias and content, but for one factor for all, within a few hundredths."""
    space = EMBEDDINGS["content"](Task.of(env))
    pairs = np.random.default_rng(0).integers(len(space.points), size=(2, 2000))
    given, found = (np.linalg.norm(x[pairs[0]] - x[pairs[1]], axis=1) for x in (space.features, space.points))
    ratio = found[given > 0] / given[given > 0]
    assert ratio.std() < 0.02 * ratio.mean()
    assert np.corrcoef(space.points[:, :-1].T)[0, 1:].max() < 1
    assert space.vectors.std(axis=0).max() < 1.1 * space.vectors.std(axis=0).min()  # all dimensions vary alike


@pytest.mark.parametrize("name", sorted(EMBEDDINGS))
def test_points_are_told_apart_and_read_back(name: str, env: gym.Env) -> None:
    """A point says what an item's features are; nearly all of them lie in the box."""
    space = EMBEDDINGS[name](Task.of(env))
    weights, offset = space.decoder
    np.testing.assert_allclose(space.points @ weights + offset, space.features, atol=1e-5)
    np.testing.assert_allclose(space.points.std(axis=0), 1 / SPREADS, rtol=1e-4)
    assert (np.abs(space.points) <= 1).mean() > 0.95


def test_factors_are_the_wrappers_own(env: gym.Env) -> None:
    np.testing.assert_array_equal(EMBEDDINGS["factors"](Task.of(env)).vectors, public_vectors(env.unwrapped.scenario))


@pytest.mark.parametrize("name", sorted(EMBEDDINGS))
def test_where_observation_and_item_meet(name: str, env: gym.Env, log: SessionDataset) -> None:
    """What the critic is told beside the point is what the environment tells of items on offer."""
    from ilrec_agents.offline.continuous.networks import Meets

    task = Task.of(env)
    space, x, step = EMBEDDINGS[name](task), log.transitions().observations, log.extra("candidates")
    items = np.searchsorted(task.catalogue.ids, step[:, 3])
    found = Meets(space)(torch.from_numpy(x), torch.from_numpy(space.points[items])).numpy()
    offered = dict(zip(task.layout.candidate_features, task.layout.candidates(x)[:, 3].T, strict=True))
    if name == "content":
        np.testing.assert_allclose(
            found, np.stack([offered["similarity_fast"], offered["similarity_slow"]], 1), atol=1e-3
        )
    else:
        np.testing.assert_allclose(found[:, 1], offered["taste_match"], atol=1e-4)
        profile = x[:, task.layout.slices["profile"]]
        rest = profile[:, 1] + task.public.mean + task.public.item_bias[items]
        low, high = task.rating_scale
        expected = (rest + found[:, 0] - (low + high) / 2) / task.half
        inside = np.abs(offered["predicted_rating"]) < 1
        np.testing.assert_allclose(offered["predicted_rating"][inside], expected[inside], atol=1e-3)


# Which item is taken -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("embedding", sorted(EMBEDDINGS))
def test_it_takes_what_the_wrapper_would_show(embedding: str, whole: gym.Env, play: Any) -> None:
    """Session by session: the agent's point, given to the wrapper, shows the item that the agent takes."""
    dataset = play("logging", 20, env_id="ilrec/MovieLens-v0")
    agent: Any = make_agent("td3_bc", whole, embedding=embedding, nearest=1, **FEW).fit(dataset)
    wrapped = ItemEmbeddingAction(whole, vectors=agent.space.vectors)
    shown = set()
    for seed in range(5):
        observation, info = wrapped.reset(seed=seed)
        for _ in range(5):
            infos = {"action_mask": whole.unwrapped.action_masks()[None]}
            with torch.inference_mode():
                point = torch.tanh(agent._network.actor(torch.from_numpy(observation[None])))[0].numpy()
            taken = agent.act(observation[None], infos)[0]
            assert wrapped.item_of(point) == taken
            observation, *_ = wrapped.step(point)
            shown.add(int(taken))
    assert len(shown) >= 5


def test_among_the_offered_it_takes_the_nearest_of_those(env: gym.Env, log: SessionDataset) -> None:
    agent: Any = make_agent("iql", env, nearest=1, **FEW).fit(log)
    sessions, observations, infos = begin(env, agent)
    n = env.unwrapped.layout.slices["candidates"].start
    points = torch.tanh(agent._network.actor(torch.from_numpy(observations[:, :n]))).numpy()
    distances = np.linalg.norm(agent.space.points[infos["candidates"]] - points[:, None], axis=2)
    np.testing.assert_array_equal(agent.act(observations, infos), distances.argmin(axis=1))
    turned = infos | {"candidates": infos["candidates"][:, ::-1]}
    np.testing.assert_array_equal(agent.act(observations, turned), sessions.n_actions - 1 - distances.argmin(axis=1))


@pytest.mark.parametrize("form", ["offered", "catalogue"])
def test_the_critic_chooses_among_the_nearest(form: str) -> None:
    """With 3 of the nearest allowed: the one of the highest lower value; what lies further is never taken."""
    env = tiny(form)
    agent: Any = make_agent("td3_bc", env, nearest=3, **FEW).fit(random_sessions(env, 50))
    sessions, observations, infos = begin(env, agent, steps=1)
    items = infos["candidates"] if form == "offered" else np.tile(np.arange(12), (len(observations), 1))
    mask = np.ones_like(items, bool)
    mask[:, 1] = False
    x = torch.from_numpy(observations[:, : agent.task.layout.context.size])
    with torch.inference_mode():
        points = torch.tanh(agent._network.actor(x)).numpy()
        values = agent._network.values(x, torch.from_numpy(items)).numpy()
        one = [
            [critic(x, torch.from_numpy(agent.space.points[items[:, j]]).clamp(-1, 1))[:, 0].numpy()
             for j in range(items.shape[1])]
            for critic in agent._network.critics
        ]  # fmt: skip
    np.testing.assert_allclose(values, np.min(one, axis=0).T, rtol=1e-4, atol=1e-5)
    distances = np.where(mask, np.linalg.norm(agent.space.points[items] - points[:, None], axis=2), np.inf)
    near = np.argsort(distances, axis=1)[:, :3]
    best = near[np.arange(len(near)), np.take_along_axis(values, near, axis=1).argmax(axis=1)]
    np.testing.assert_array_equal(agent.act(observations, infos | {"action_mask": mask}), best)
    assert (best != near[:, 0]).any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("nearest", [1, 5])
def test_a_saved_agent_scores_the_same(
    name: str, nearest: int, env: gym.Env, log: SessionDataset, tmp_path: Path
) -> None:
    agent = make_agent(name, env, nearest=nearest, **FEW).fit(log)
    agent.save(tmp_path / "agent")
    assert not [p for p in (tmp_path / "agent").iterdir() if p.suffix not in (".json", ".safetensors")]
    _, observations, infos = begin(env, agent)
    again: Any = load_agent(tmp_path / "agent", env)
    np.testing.assert_array_equal(again.scores(observations, infos), agent.scores(observations, infos))
    assert again.history == agent.history


# What is learned ---------------------------------------------------------------------------------------------------

PAID = {"updates": 150, "hidden": 16, "batch_size": 64, "learning_rate": 3e-3, "gamma": 0.0, "nearest": 1}


@pytest.mark.parametrize("name", NAMES)
def test_the_actor_points_where_rewards_are(name: str) -> None:
    """Items are paid for lying in one direction, or in the opposite one: points go there, by at least .4 spreads."""
    env = tiny("catalogue")
    dataset = random_sessions(env, 200)
    agent: Any = make_agent(name, env, device="cpu", **PAID)
    along = agent.space.points[:, 0][dataset.transitions().actions]
    _, observations, _ = begin(env, agent, steps=1)
    moved = []
    for rewards in (along, -along):
        agent.fit(dataset.with_rewards(rewards))
        points = torch.tanh(agent._network.actor(torch.from_numpy(observations))).numpy()
        moved.append((points[:, 0].mean() - along.mean()) / along.std())
    assert moved[0] > 0.4
    assert moved[1] < -0.4


# What is learned from ----------------------------------------------------------------------------------------------


def test_batches_hold_the_points_of_the_items_shown(env: gym.Env, log: SessionDataset) -> None:
    """Actions are places on offer; the item there, by the dataset's own record, is where the point lies."""
    task = Task.of(env)
    space, n = EMBEDDINGS["content"](task), task.layout.slices["candidates"].start
    items = items_shown(log, task)
    offered = np.take_along_axis(log.extra("candidates"), log.transitions().actions[:, None], axis=1)[:, 0]
    np.testing.assert_array_equal(task.catalogue.ids[items], offered)
    batches = PointBatches(
        log, np.arange(len(items)), 256, items=items, points=space.points, context=n, seed=0, device=torch.device("cpu")
    )
    batch = batches.draw()
    rows = batch.rewards[:, 0].long().numpy()
    np.testing.assert_array_equal(batch.actions.numpy(), space.points[items[rows]].clip(-1, 1))
    np.testing.assert_array_equal(batch.observations.numpy(), log.transitions().observations[rows, :n])
    np.testing.assert_array_equal(batch.next_observations.numpy(), log.transitions().next_observations[rows, :n])


def test_what_is_on_offer_is_not_read(env: gym.Env, log: SessionDataset) -> None:
    agent = make_agent("crr", env, **FEW).fit(log)
    _, observations, infos = begin(env, agent)
    changed = observations.copy()
    changed[:, env.unwrapped.layout.slices["candidates"]] += 1
    np.testing.assert_array_equal(agent.act(observations, infos), agent.act(changed, infos))


def test_targets_of_awac_have_no_entropy(env: gym.Env, log: SessionDataset) -> None:
    """Where all rewards are 0 and nothing lies ahead, so are the values: nothing is added for being undecided."""
    agent: Any = make_agent("awac", env, reward_scaling="none", gamma=0.9, **FEW | {"updates": 150, "tau": 0.5})
    agent.fit(log.with_rewards(np.zeros(log.n_transitions)))
    assert agent.history[-1]["critic_loss"] < 0.5


# Bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of", [1, 20])
def test_a_dataset_that_does_not_say_which_item_was_shown(of: int, env: gym.Env, log: SessionDataset) -> None:
    with pytest.raises(UsageError, match=f"item_id(.|\n)*{of} of 20(.|\n)*places on offer"):
        make_agent("iql", env, **FEW).fit(without(log, "item_id", of))


def test_over_a_whole_catalogue_actions_are_the_items(whole: gym.Env, play: Any) -> None:
    dataset = play("logging", 20, env_id="ilrec/MovieLens-v0")
    items = items_shown(without(dataset, "item_id", 20), Task.of(whole))
    np.testing.assert_array_equal(Task.of(whole).catalogue.ids[items], dataset.extra("item_id"))


def test_ids_of_no_item_are_refused(env: gym.Env, log: SessionDataset) -> None:
    first = log.episodes[0]
    strange = replace(first, extras=first.extras | {"item_id": np.full(len(first), 10**9)})
    with pytest.raises(UsageError, match="1000000000"):
        make_agent("iql", env, **FEW).fit(replace(log, episodes=(strange, *log.episodes[1:])))


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("td3_bc", {"embedding": "contents"}), ("td3_bc", {"nearest": 0}), ("td3_bc", {"alpha": -1.0}),
        ("td3_bc", {"tau": 0.0}), ("td3_bc", {"n_critics": 0}), ("td3_bc", {"smoothing": -0.1}),
        ("iql", {"expectile": 1.5}), ("iql", {"weight_temp": -1.0}), ("iql", {"max_weight": 0.0}),
        ("awac", {"lam": 0.0}), ("awac", {"n_action_samples": 0}), ("crr", {"weight": "linear"}),
        ("crr", {"advantage": "median"}), ("crr", {"beta": 0.0}), ("continuous_cql", {"alpha": float("nan")}),
        ("continuous_cql", {"temperature": 0.0}), ("iql", {"network": "flat"}), ("iql", {"reward_scaling": "unit"}),
        ("iql", {"gamma": 1.1}),
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(name: str, setting: dict[str, Any], env: gym.Env) -> None:
    with pytest.raises(UsageError, match=next(iter(setting))):
        make_agent(name, env, **setting)


def test_a_loss_that_is_not_finite_is_an_error(env: gym.Env, log: SessionDataset) -> None:
    with pytest.raises(UsageError, match="learning_rate"):
        make_agent("td3_bc", env, **FEW | {"updates": 30, "learning_rate": 1e30}).fit(log)
