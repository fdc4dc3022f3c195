"""Suites: who takes part, where, how often, and what is refused before anything runs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tiny_benchmark import ENV, SMALL

from ilrec_agents.benchmark.runs.plan import Entrant, EnvPlan
from ilrec_agents.benchmark.runs.suites import SUITES, YARDSTICKS, suite
from ilrec_agents.registry import AGENTS, agent_class, list_agents
from ilrec_gym.errors import UsageError

pytest.importorskip("joblib")
pytest.importorskip("d3rlpy")
pytest.importorskip("stable_baselines3")


def test_suites_name_agents_that_there_are():
    for name in SUITES:
        made = suite(name)
        assert {entrant.agent for entrant in made.entrants} <= AGENTS.keys()
        assert len({job.key for job in made.jobs}) == len(made.jobs)
    assert set(YARDSTICKS) <= AGENTS.keys()
    assert {env.dataset for env in suite("paper").envs} == {"ml-latest-small", "ml-1m"}
    assert {"Candidates" in env.id for env in suite("paper").envs} == {True, False}


def test_suites_can_be_changed():
    made = suite("quick", agents=["bc:medium", "ppo"], envs=["ilrec/MovieLens-v0"], seeds=5, users=0)
    assert [(e.agent, e.data, e.label) for e in made.entrants] == [("bc", "medium", "bc:medium"), ("ppo", "", "ppo")]
    assert (made.seeds, made.users, [env.id for env in made.envs]) == (5, None, ["ilrec/MovieLens-v0"])


def test_one_agent_with_several_settings_and_datasets():
    texts = ["cql", "cql:medium", "cql:alpha=4,hidden=128", "cql:logs,alpha=0.5,network=towers", "ppo:gamma=0.9"]
    made = suite("quick", agents=texts)
    assert [(e.agent, e.data, dict(e.config)) for e in made.entrants] == [
        ("cql", "mixed", {}), ("cql", "medium", {}), ("cql", "mixed", {"alpha": 4, "hidden": 128}),
        ("cql", "logs", {"alpha": 0.5, "network": "towers"}), ("ppo", "", {"gamma": 0.9}),
    ]  # fmt: skip
    assert [e.label for e in made.entrants] == texts
    assert len({job.key for job in made.jobs}) == len(made.jobs)


def test_offline_agents_of_the_suites_learn_from_the_named_dataset():
    for name in SUITES:
        made = suite(name)
        learn = [e for e in made.entrants if agent_class(e.agent).learns_from == "dataset"]
        assert {e.family for e in learn} == {"offline", "model_based"} and {e.data for e in learn} == {"mixed"}
        assert made.data_steps == 100_000
    offline = {info.name for info in list_agents() if info.learns_from == "dataset" and info.package == "ilrec-gym"}
    assert offline == {e.agent for e in suite("paper").entrants if e.data}


def test_sessions_are_repeated_where_chance_is_in_play():
    noisy = {"user_model": {"name": "satiation", "noise": 0.2}}
    made = replace(SMALL, entrants=(Entrant("thompson"), Entrant("linucb")), envs=(ENV, EnvPlan(ENV.id, noisy)))
    repeats = {(job.entrant.label, job.env == ENV): job.repeats for job in made.jobs}
    assert [repeats[name, True] for name in ("thompson", "random", "linucb", "mmr")] == [2, 2, 1, 1]
    assert all(repeats[name, False] == 2 for name in ("thompson", "random", "linucb", "mmr"))


@pytest.mark.parametrize(
    ("text", "draws"),
    [
        ("act_only", False),
        ("act_only:temperature=0.5", True),
        ("llm:temperature=0.5", True),
        ('{"agent": "act_only", "config": {"grounding": "free_text", "backend_options": {"temperature": 1}}}', True),
        ("epsilon_greedy", True),
        ("popular", False),
    ],
)
def test_settings_decide_whether_a_language_model_draws(text, draws):
    entrant = Entrant.of(text)
    assert entrant.draws == draws and entrant.varies == draws


@pytest.mark.parametrize(
    ("model", "noisy"),
    [
        ("hazard", True),
        ("satiation", False),
        ({"name": "hazard"}, True),
        ({"name": "satiation", "noise": 0.1}, True),
        ({"name": "satiation", "drift": 0.1}, False),
    ],
)
def test_users_are_noisy_where_they_draw(model, noisy):
    assert EnvPlan(ENV.id, {"user_model": model}).noisy == noisy


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "fast"}, "a suite must be one of"),
        ({"agents": ["pppo"]}, "did you mean 'ppo'"),
        ({"agents": ["ppo:mixed"]}, "takes no dataset"),
        ({"agents": ['{"agent": "bc"}']}, "needs the name of a dataset"),
        ({"agents": ["ppo:gama=0.9"]}, "did you mean 'gamma'"),
        ({"agents": ["ppo:gamma=0.9,gamma=0.8"]}, "given once"),
        ({"agents": ["cql:"]}, "NAME:DATASET"),
        ({"agents": ["cql:mixed,alpha"]}, "NAME:DATASET"),
        ({"agents": ["cql:alpha="]}, "NAME:DATASET"),
        ({"agents": ["cql:mixt"]}, "did you mean 'mixed'"),
        ({"agents": ["ppo", "ppo"]}, "label of its own"),
        ({"agents": ['{"agent": "ppo", "config": {"hiden": 3}}']}, "did you mean 'hidden'"),
        ({"agents": ['{"agent": "ppo", "config": {"hidden": 0}}']}, "hidden must be a whole number"),
        ({"agents": ["ppo:batch_size=abc"]}, "batch_size must be a whole number"),
        ({"agents": ['{"agent": ["ppo"]}']}, "an entrant's agent must be a word"),
        ({"agents": ['{"agent": "bc", "data": ["mixed"]}']}, "an entrant's data must be a word"),
        ({"agents": ['{"agent": "ppo", "label": 3}']}, "an entrant's label must be a word"),
        ({"agents": ['{"agent": "ppo", "config": ["hidden"]}']}, "an entrant's config must be names with values"),
        ({"agents": ['{"agent": "ppo", "config": null}']}, "an entrant's config must be names with values"),
        ({"agents": ['{"agent": "ppo"']}, "must be a name or JSON"),
        ({"agents": ['{"config": {}}']}, "must have the key 'agent'"),
        ({"envs": ["ilrec/MovieLens"]}, "did you mean"),
        ({"envs": ["ilrec/MovieLens-v0", "ilrec/MovieLens-v0"]}, "must be another one"),
        ({"envs": ['{"id": ["ilrec/MovieLens-v0"]}']}, "an environment's id must be one of"),
        ({"envs": ['{"id": "ilrec/MovieLens-v0", "kwargs": 5}']}, "kwargs of an environment must be names with values"),
        ({"envs": ['{"id": "ilrec/MovieLens-v0", "kwargs": {"split": "all"}}']}, "has no split"),
        ({"envs": ['{"id": "ilrec/MovieLens-v0", "kwarg": {}}']}, "did you mean 'kwargs'"),
        ({"seeds": 0}, "seeds must be a whole number"),
        ({"users": -1}, "users must be a whole number"),
        ({"modes": ["NX_0.5"]}, "a mode must be"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(wrong, message):
    with pytest.raises(UsageError, match=message):
        assert suite(**{"name": "quick", **wrong}).jobs
