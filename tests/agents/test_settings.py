"""Settings of every agent are checked when they are made: what is wrong is told of by name, never by a traceback."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from tiny import sessions_of, tiny

from ilrec_agents import make_agent
from ilrec_agents.checks import flag, number, one_of, whole
from ilrec_agents.imitation.constant import ConstantRewardConfig
from ilrec_agents.imitation.gail import GAILConfig
from ilrec_agents.imitation.reward_model import make_reward_model
from ilrec_agents.model_based.config import WorldModelConfig
from ilrec_agents.offline.fqe import FQEConfig, fit_q
from ilrec_agents.registry import AGENTS, agent_class
from ilrec_agents.softened import SoftenedConfig
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError
from ilrec_gym.testing.agents import begin

NAN, INFINITE = float("nan"), float("inf")
STRANGE: list[Any] = ["abc", "false", [1], {"a": 1}, NAN, INFINITE, -INFINITE, -(10**400)]
WRONG: dict[type, list[Any]] = {
    bool: [*STRANGE, None, 0, 1, 0.0],
    int: [*STRANGE, None, True, 512.0, 1.5, -1],
    float: [*STRANGE, 10**400, None, True],
    str: [*STRANGE, None, True, 0, "", "ppo", ["auto"], ("auto",)],
    tuple: [
        *(wrong for wrong in STRANGE if wrong != [1]),
        None,
        True,
        1,
        "12",
        (),
        (1, 2.0),
        (True,),
        [[1]],
        {1: 1},
        {1, 2},
    ],
    type(None): [*STRANGE, 10**400, True],
}
"""What is wrong for a setting whose default is of this type; None there stands for a number that may be left out."""
NEGATIVE = {("dt", "target_return"), ("ConstantRewardConfig", "value")}
"""Numbers that may lie below 0."""

CONFIGS = {name: agent_class(name).Config for name in AGENTS if agent_class(name).family != "llm"}
CONFIGS |= {
    cls.__name__: cls for cls in (SoftenedConfig, FQEConfig, WorldModelConfig, GAILConfig, ConstantRewardConfig)
}


SETTINGS = [(name, field.name) for name, config in CONFIGS.items() for field in fields(config)]


@pytest.mark.parametrize(("name", "setting"), SETTINGS)
def test_what_is_no_value_of_a_setting_is_refused(name: str, setting: str) -> None:
    config = CONFIGS[name]
    default = getattr(config(), setting)
    accepted = []
    for wrong in [*WRONG[type(default)], *([] if (name, setting) in NEGATIVE else [-0.5])]:
        try:
            config(**{setting: wrong})
        except UsageError as error:
            assert setting in str(error)
        else:
            accepted.append(wrong)
    assert not accepted
    assert getattr(config(**{setting: default}), setting) == default


def test_no_setting_is_left_out() -> None:
    """Every default is of a type that there are wrong values for, and there are as many as it seems."""
    for name, config in CONFIGS.items():
        for field in fields(config):
            assert field.default is not MISSING and type(field.default) in WRONG, (name, field.name)
    assert len(SETTINGS) > 400


class Given:
    def __init__(self, value: Any) -> None:
        self.value = value


@pytest.mark.parametrize(
    ("value", "limits", "said"),
    [
        (-0.1, {}, "a number of at least 0"), (0.0, {"open_low": True}, "a number above 0"),
        (2, {"high": 1.0}, "a number of at least 0 and at most 1"), (INFINITE, {"low": -INFINITE}, "a finite number"),
        (2, {"low": -INFINITE, "high": 1.0}, "a number at most 1"),
    ],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(value: Any, limits: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=f"value must be {said}\n"):
        number(Given(value), "value", **limits)


def test_right_values_pass() -> None:
    number(Given(-3), "value", low=-INFINITE)
    number(Given(10**300), "value")
    number(Given(1), "value", high=1.0, open_low=True)
    whole(Given(0), "value", least=0)
    one_of(Given("b"), "value", {"a": 1, "b": 2})
    for value in (True, False):
        flag(Given(value), "value")


@pytest.mark.parametrize(
    ("name", "wrong", "said"),
    [
        ("logging", {"temperature": 0}, "temperature must be a number above 0"),
        ("logging", {"random": -5}, "random must be a number of at least 0"),
        ("logging", {"random": 0, "popular": 0, "greedy": 0}, "must be above 0"),
        ("mmr", {"similarity_weight": -1.0}, "similarity_weight"),
        ("retriever_random", {"n": 0}, "n must be a whole number"),
        ("retriever_random", {"n": 13}, "n must be at most 12"),
        ("ppo", {"batch_size": 1}, "batch_size must be a whole number, at least 2"),
        ("ppo", {"batch_size": 500}, "batch_size must divide"),
        ("oracle_plan", {"depth": 0}, "depth"),
        ("oracle_one_step", {"foresight": -1.0}, "foresight"),
        ("dorl", {"orders": [0, 1]}, "orders"),
        ("cql", {"network": "foo"}, "network must be one of"),
    ],
)
def test_values_out_of_range_are_refused(name: str, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make_agent(name, tiny("catalogue"), **wrong)


def test_as_many_items_are_drawn_from_as_there_are() -> None:
    env = tiny("catalogue")
    agent = make_agent("retriever_random", env, n=12)
    _, observations, infos = begin(env, agent)
    chances = agent.probabilities(observations, infos)
    assert ((chances > 0) == infos["action_mask"]).all()
    make_agent("retriever_random", tiny("offered"), n=20)  # what is on offer decides there


@pytest.mark.parametrize("name", ["ppo", "a2c", "dqn", "qrdqn", "linucb", "thompson", "factor_ucb"])
def test_a_word_does_not_let_it_learn_from_test_users(name: str) -> None:
    with pytest.raises(UsageError, match="allow_test_users must be True or False"):
        make_agent(name, tiny("offered"), allow_test_users="false")


@pytest.mark.parametrize("form", ["offered", "catalogue"])
@pytest.mark.parametrize("name", ["bc", "ips", "sac", "bcq", "cql"])
def test_every_network_that_is_accepted_learns(name: str, form: str) -> None:
    learns_with(name, tiny(form), "guided")


@pytest.mark.parametrize("form", ["offered", "catalogue"])
@pytest.mark.parametrize("name", ["sqn", "dt"])
def test_a_network_without_a_body_is_refused_by_those_that_need_one(name: str, form: str) -> None:
    for network in ("auto", "flat", {"offered": "candidates", "catalogue": "towers"}[form]):
        learns_with(name, tiny(form), network)
    with pytest.raises(UsageError, match="network must be one of: auto, candidates, flat, towers"):
        make_agent(name, tiny(form), network="guided")


@pytest.mark.parametrize("network", ["guided", "flat"])
@pytest.mark.parametrize("form", ["offered", "catalogue"])
def test_every_network_that_is_accepted_learns_rewards_and_values(form: str, network: str) -> None:
    env = tiny(form)
    log, demos = sessions_of("logging", env, 20), sessions_of("mmr", env, 20)
    reward = make_reward_model("gail", env, device="cpu", updates=2, hidden=8, network=network).fit(demos, log)
    steps = log.transitions()
    assert reward(steps.observations, steps.actions, steps.next_observations, steps.terminals).shape == (len(steps),)
    config = FQEConfig(start_updates=2, iterations=2, iteration_updates=2, hidden=8, network=network)
    policy = np.full((len(steps), log.n_actions), 1 / log.n_actions)
    values = fit_q(log, policy, Task.of(env), horizon=4, config=config, device="cpu")
    assert values(steps.observations).shape == policy.shape


def learns_with(name: str, env: gym.Env[Any, Any], network: str) -> None:
    small = {"updates": 2, "hidden": 8, "batch_size": 8, "network": network}
    agent = make_agent(name, env, device="cpu", **small).fit(sessions_of("logging", env, 10))
    _, observations, infos = begin(env, agent)
    assert agent.scores(observations, infos).shape == (len(observations), agent.task.n_actions)
