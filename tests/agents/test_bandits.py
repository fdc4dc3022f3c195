"""Agents that explore: what they do most of the time, how often they do otherwise, and what they learn from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ilrec_agents import make_agent
from ilrec_agents.bandit.features import SHARED, Choices
from ilrec_agents.bandit.regression import Regression
from ilrec_agents.datasets.playing import side_by_side
from ilrec_gym.errors import UsageError
from ilrec_gym.testing.agents import begin


@pytest.mark.parametrize("scores", ["greedy", "popular", "mmr"])
@pytest.mark.parametrize("env_id", ["ilrec/MovieLens-Candidates-v0", "ilrec/MovieLens-v0"])
def test_epsilon_greedy_takes_the_best_but_for_epsilon(scores: str, env_id: str) -> None:
    env = gym.make(env_id)
    agent, best = make_agent("epsilon_greedy", env, epsilon=0.25, scores=scores), make_agent(scores, env)
    _, observations, infos = begin(env, agent)
    infos["action_mask"][:, ::3] = False
    probabilities, mask = agent.probabilities(observations, infos), infos["action_mask"]
    rows, chosen = np.arange(len(mask)), best.act(observations, infos)
    floor = 0.25 / mask.sum(axis=1)
    assert_allclose(probabilities.sum(axis=1), 1)
    assert_allclose(probabilities[rows, chosen], 0.75 + floor)
    probabilities[rows, chosen] = floor
    assert_allclose(probabilities, np.where(mask, floor[:, None], 0))


def test_epsilon_is_a_chance(env: gym.Env) -> None:
    assert_array_equal(make_agent("epsilon_greedy", env, epsilon=1).config.epsilon, 1)
    for settings in ({"epsilon": 1.5}, {"epsilon": -0.1}, {"scores": "oracle_greedy"}):
        bad: dict[str, Any] = settings
        with pytest.raises(UsageError, match="epsilon|scores"):
            make_agent("epsilon_greedy", env, **bad)


LINEAR = ["linucb", "thompson", "factor_ucb"]
CANDIDATES, WHOLE = "ilrec/MovieLens-Candidates-v0", "ilrec/MovieLens-v0"


@pytest.fixture(scope="module")
def fitted() -> dict[str, Any]:
    env = gym.make(CANDIDATES)
    return {name: make_agent(name, env, total_timesteps=8000).fit(env) for name in LINEAR}


@pytest.mark.parametrize("name", LINEAR)
def test_the_rules_of_the_simulator_are_found_by_playing(name: str, fitted: dict[str, Any]) -> None:
    """Satiation is linear in a public feature with the weight -kappa, and the prediction is of the rating itself."""
    theta = dict(zip(SHARED, fitted[name].known.sums.theta.mean, strict=True))
    assert abs(theta["similarity"] + 0.25) < 0.03
    assert abs(theta["predicted_rating"] - 0.9) < 0.1
    assert 0.02 < fitted[name].known.noise < 0.09
    steps = [record["timesteps"] for record in fitted[name].history]
    assert steps == sorted(steps) and steps[-1] >= 8000 > steps[-2]


def test_a_session_learns_from_its_own_ratings(fitted: dict[str, Any]) -> None:
    """What it predicts of a session's next items is nearer to the truth than without the session's own weights."""
    agent, env = fitted["linucb"], gym.make(CANDIDATES, split="test")
    errors: dict[float, list[Any]] = {0.0: [], 0.5: []}
    player = make_agent("random", env)
    base: Any = env.unwrapped
    sessions = base.batch(64, agent.info)
    observations, infos = sessions.reset(base.users[:64])
    for step in range(25):
        actions = player.act(observations, infos)
        guesses = {taste: _predicted(agent, taste, observations, infos, actions) for taste in errors}
        observations, rewards, *_, infos = sessions.step(actions)
        if step >= 10:
            for taste, guess in guesses.items():
                errors[taste].append(np.square(guess - agent._features.scaled(rewards))[sessions.running])
    without, own = (np.concatenate(parts).mean() for parts in errors.values())
    assert own < 0.85 * without


def _predicted(agent: Any, taste: float, observations: Any, infos: Any, actions: Any) -> Any:
    config, before = agent.config, agent.known._taste
    agent.config, agent.known._taste = replace(config, alpha=0.0), taste
    scores = agent.scores(observations, infos)
    agent.config, agent.known._taste = config, before
    return scores[np.arange(len(actions)), actions]


def test_what_is_an_items_own_is_found_by_playing(fitted: dict[str, Any]) -> None:
    """The hidden ratings of all train users tell how much better or worse an item is liked than public factors say."""
    agent, base = fitted["linucb"], gym.make(CANDIDATES).unwrapped
    scenario: Any = base.scenario
    users = base.users
    beyond = (scenario.truth.predict_all(users) - scenario.public.predict_all(users)).mean(axis=0)
    often = agent.known.plays >= 20
    assert often.sum() > 50 and np.corrcoef(agent.known.own[often, 0], beyond[often])[0, 1] > 0.5
    assert not agent.known.own[agent.known.plays == 0].any() and not agent.known.own[:, 1:].any()


def shown_in(env: gym.Env, agent: Any, n: int = 6, steps: int = 8) -> Any:
    """What some sessions showed, the same items in several of them."""
    base: Any = env.unwrapped
    sessions = base.batch(n, agent.info)
    observations, infos = sessions.reset(base.users[:n])
    for step in range(steps):
        observations, *_, infos = sessions.step((np.arange(n) + step) % 20)
    return agent._features.past(infos)


@pytest.mark.parametrize("item_bias", [0.0, 0.1])
def test_beliefs_are_those_of_one_large_regression(item_bias: float) -> None:
    """Bayes' rule for all weights at once, theta, every item's b and every session's w, gives the same."""
    env, n = gym.make(CANDIDATES), 6
    agent = make_agent("linucb", env)
    shown, factors = shown_in(env, agent, n), agent.task.public.item_factors
    known, k = Regression(factors, ridge=1.0, taste=0.5, item_bias=item_bias), factors.shape[1]
    known.learn(shown)
    for _ in range(200):
        known.sweep()
    items = np.unique(shown.items[shown.there]) if item_bias else np.empty(0, int)
    rows = [
        np.concatenate([shown.x[i, t], np.kron(np.eye(n)[i], factors[shown.items[i, t]]), shown.items[i, t] == items])
        for i, t in np.argwhere(shown.there)
    ]
    design, shared, biased = np.array(rows), len(SHARED), len(rows[0]) - len(items)
    prior = np.concatenate([np.ones(shared), np.full(n * k, 1 / 0.5), np.full(len(items), 1 / (item_bias or 1))])
    target, precision = shown.y[shown.there], design.T @ design + np.diag(prior)
    weights = np.linalg.solve(precision, design.T @ target)
    theta = known.sums.theta
    assert_allclose(theta.mean, weights[:shared], rtol=1e-6)
    assert_allclose(known.own[items, 0], weights[biased:], rtol=1e-5, atol=1e-9)
    assert known.own.astype(bool).sum() == len(items) and known.count == len(target)
    belief = known.of_sessions(shown, theta.mean)
    assert_allclose(belief.mean, weights[shared:biased].reshape(n, k), rtol=1e-5, atol=1e-9)
    left = np.square(target - design @ weights).sum() + prior @ np.square(weights)
    assert_allclose(known.noise, np.sqrt(left / len(target)), rtol=1e-6)
    given = np.linalg.inv(precision[:biased, :biased])  # were the items' known
    assert_allclose(theta.covariance, given[:shared, :shared], rtol=1e-8)
    q = factors[shown.items[0]] * shown.there[0, :, None]
    assert_allclose(belief.covariance[0], np.linalg.inv(q.T @ q + np.eye(k) / 0.5), rtol=1e-8, atol=1e-12)
    if item_bias:
        assert_allclose(known.doubt[items, 0, 0], 1 / np.diag(precision)[biased:])


def test_turns_lead_to_the_weights_under_which_the_ratings_are_likeliest() -> None:
    """The logarithm of what is maximised never falls, and where it ends every item's weights are a ridge regression."""
    env = gym.make(CANDIDATES)
    agent = make_agent("factor_ucb", env)
    shown, factors, seen = shown_in(env, agent, n=48, steps=20), agent.task.public.item_factors, []
    known = Regression(factors, ridge=1.0, taste=5.0, item_bias=0.1, item_factors=30.0)
    known.learn(shown)
    for _ in range(100):
        known.sweep()
        theta = known.sums.theta.mean
        w = known.of_sessions(shown, theta).mean
        left = (shown.y - shown.x @ theta - known.expected(shown.items, w))[shown.there]
        own = np.square(known.own).sum(axis=0) / np.array([0.1, *[30.0] * factors.shape[1]])
        seen.append(np.square(left).sum() + np.square(theta).sum() + np.square(w).sum() / 5.0 + own.sum())
    assert (np.diff(seen) < 1e-9).all() and seen[-1] < 0.99 * seen[0]
    assert known.noise == pytest.approx(np.sqrt(seen[-1] / known.count), rel=1e-3)
    item = int(np.argmax(known.plays))
    rows, steps = np.nonzero(shown.there & (shown.items == item))
    z = np.hstack([np.ones((len(rows), 1)), w[rows]])
    target = shown.y[rows, steps] - shown.x[rows, steps] @ theta - w[rows] @ factors[item]
    covariance = np.linalg.inv(z.T @ z + np.diag([10.0, *[1 / 30] * factors.shape[1]]))
    assert len(rows) > 1
    assert_allclose(known.own[item], covariance @ z.T @ target, atol=1e-3)
    assert_allclose(known.doubt[item], covariance, atol=1e-3)
    doubt = known.doubt_of_items(np.full((len(rows), 1), item), w[rows])[:, 0]
    assert_allclose(doubt, np.einsum("bi,ij,bj->b", z, covariance, z), atol=1e-3)


def test_learned_factors_predict_what_public_ones_do_not(fitted: dict[str, Any]) -> None:
    assert fitted["factor_ucb"].known.noise < 0.8 * fitted["linucb"].known.noise
    assert fitted["factor_ucb"].history[-1]["return"] > fitted["linucb"].history[0]["return"]


@pytest.mark.parametrize("name", LINEAR)
def test_the_whole_catalogue_is_scored_as_its_items_one_by_one(name: str) -> None:
    env = gym.make(WHOLE, catalogue_size=60)
    agent = make_agent(name, env, total_timesteps=200, n_envs=8).fit(env)
    _, observations, infos = begin(env, agent, steps=5)
    memory = agent.task.layout.part(observations, "memory_fast").astype(float)
    whole, theta = agent._features.now(memory, infos), agent.known.sums.theta
    offered = Choices(whole.x, np.tile(whole.items, (len(memory), 1)))
    taste = agent.known.of_sessions(agent._features.past(infos), theta.mean)
    one, other = (agent._scored(choices, theta, taste, infos) for choices in (whole, offered))
    assert_allclose(one, other, atol=1e-12)


def test_what_was_shown_is_rebuilt_from_the_history(fitted: dict[str, Any]) -> None:
    """The features of past steps are those that the items had on offer when they were chosen."""
    agent, env = fitted["linucb"], gym.make(CANDIDATES)
    base: Any = env.unwrapped
    sessions = base.batch(8, agent.info)
    observations, infos = sessions.reset(base.users[:8])
    seen = []
    for step in range(6):
        actions = (np.arange(8) * 3 + step) % 20
        memory = agent.task.layout.part(observations, "memory_fast").astype(float)
        seen.append(agent._features.now(memory, infos).x[np.arange(8), actions])
        observations, *_, infos = sessions.step(actions)
    shown = agent._features.past(infos)
    assert_allclose(shown.x, np.stack(seen, axis=1), atol=1e-5)
    assert_allclose(shown.y, (infos["history_ratings"][:, :6] - 2.75) / 2.25)


def test_thompson_draws_what_it_believes(fitted: dict[str, Any]) -> None:
    agent = fitted["thompson"]
    _, _, infos = begin(gym.make(CANDIDATES), agent)
    many = {name: np.repeat(values[:1], 20_000, axis=0) for name, values in infos.items()}
    draws = agent._normal(many | {"seed": np.arange(20_000)}, 21)
    assert_allclose(draws.mean(axis=0), 0, atol=0.03)
    assert_allclose(np.cov(draws.T), np.eye(21), atol=0.04)
    later = agent._normal(many | {"seed": np.arange(20_000), "step": np.full(20_000, 3)}, 21)
    assert np.abs(np.corrcoef(draws.T, later.T)[:21, 21:]).max() < 0.04
    assert agent.act(*begin(gym.make(CANDIDATES), agent)[1:]).shape == (8,)


def test_who_draws_without_knowing_the_chances_says_so(fitted: dict[str, Any]) -> None:
    env = gym.make(CANDIDATES)
    with pytest.raises(UsageError, match="how likely each of its choices is"):
        fitted["thompson"].probabilities(*begin(env, fitted["thompson"])[1:])
    with pytest.raises(UsageError, match="how likely each of its choices is"):
        side_by_side(fitted["thompson"], env.unwrapped, np.arange(4))
    assert len(side_by_side(fitted["linucb"], env.unwrapped, np.arange(4))) == 4


def test_bandits_refuse_what_they_cannot_learn_from(fitted: dict[str, Any], tmp_path: Any) -> None:
    env = gym.make(CANDIDATES)
    agent = make_agent("linucb", env)
    with pytest.raises(UsageError, match="must have learned"):
        agent.act(*begin(env, agent)[1:])
    with pytest.raises(UsageError, match="must have learned"):
        agent.save(tmp_path / "agent")
    with pytest.raises(UsageError, match="train"):
        agent.fit(gym.make(CANDIDATES, split="test"))
    for settings in (
        {"taste": -1.0},
        {"item_bias": -1.0},
        {"item_factors": -1.0},
        {"alpha": -1.0},
        {"ridge": 0.0},
        {"total_timesteps": 0},
    ):
        bad: dict[str, Any] = settings
        with pytest.raises(UsageError, match="must be"):
            make_agent("linucb", env, **bad)


@pytest.mark.parametrize("name", ["linucb", "thompson"])
def test_foresight_counts_similarity_more_often_and_changes_nothing_else(name):
    """What is learned is the same; the scores differ by similarity times its weight."""
    env = gym.make("ilrec/MovieLens-v0", catalogue_size=60, max_steps=6)
    agents = [make_agent(name, env, foresight=often, total_timesteps=300, n_envs=16) for often in (1.0, 3.0)]
    first, second = (agent.fit(env) for agent in agents)
    second._regression = first._regression
    base = env.unwrapped
    sessions = base.batch(8, first.info)
    observations, infos = sessions.reset(base.users[:8], seeds=np.arange(8))
    for step in range(3):
        observations, *_, infos = sessions.step(np.arange(8) + 8 * step)
    similarity = base.layout.part(observations, "memory_fast").astype(float) @ base.scenario.catalogue.vectors.T
    added = second.scores(observations, infos) - first.scores(observations, infos)
    np.testing.assert_allclose(added, 2 * first.known.sums.theta.mean[2] * similarity, atol=1e-6)
    assert np.abs(added).max() > 0.01
