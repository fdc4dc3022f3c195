"""The ladder of rules that a default user model must keep, on every test user of the bundled data."""

import gymnasium as gym
import pytest

from ilrec_agents import make_agent
from ilrec_gym.evaluation import evaluate, paired_difference

LADDER = ["random", "popular", "greedy", "oracle_greedy", "playlist", "mmr", "oracle_one_step"]
# Mean return of the defaults, as first measured; a change of rules or data shows here.
RETURNS = {
    "random": 27,
    "popular": 43,
    "greedy": 61,
    "oracle_greedy": 76,
    "playlist": 165,
    "mmr": 183,
    "oracle_one_step": 260,
}


@pytest.fixture(scope="module")
def results():
    env = gym.make("ilrec/MovieLens-v0", split="test")
    return {name: evaluate(make_agent(name, env), env) for name in LADDER}


def test_every_rung_is_separated(results):
    for below, above in zip(LADDER[:-1], LADDER[1:], strict=True):
        step = paired_difference(results[above].per_user("R_traj"), results[below].per_user("R_traj"))
        assert step.low > 0, f"{below} < {above}"


@pytest.mark.parametrize("name", LADDER)
def test_returns_are_as_measured(results, name):
    assert results[name].R_traj.mean == pytest.approx(RETURNS[name], rel=0.03)


def test_no_session_reaches_the_horizon_and_none_repeats(results):
    assert not any(result.log.truncated.any() or result.repeats for result in results.values())


def test_mmr_is_the_retriever():
    env = gym.make("ilrec/MovieLens-Candidates-v0", split="test")
    whole = gym.make("ilrec/MovieLens-v0", split="test")
    top1 = evaluate(make_agent("retriever_top1", env), env).log.items
    for agent, where in (("mmr", env), ("mmr", whole), ("retriever_top1", whole)):
        assert (evaluate(make_agent(agent, where), where).log.items == top1).all()


@pytest.mark.ml1m
def test_ladder_on_ml_1m():
    env = gym.make("ilrec/MovieLens-v0", dataset="ml-1m", split="test")
    means = [evaluate(make_agent(name, env), env).R_traj.mean for name in LADDER]
    assert means == sorted(means)
