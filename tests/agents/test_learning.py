"""Every agent that learns does learn: in worlds whose best sequences are known, it comes most of the way to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tiny import random_sessions, share_of_best, tiny

from ilrec_agents import make_agent
from ilrec_agents.registry import agent_class

ASKED_FOR_THE_BEST = {
    "updates": 300, "hidden": 32, "batch_size": 128, "learning_rate": 3e-3, "context": 4, "dropout": 0.0,
    "target_quantile": 1.0,
}  # fmt: skip
# Name, form of the world, settings, and the least share of the way from chance (0) to the best sequences (1).
# Sessions are cut after 4 steps here, behind which values are guesses: so those who play look less far ahead.
# And the public ranking of these worlds is drawn by chance, so nobody begins with it: networks begin with nothing.
NETWORK = {"offered": "candidates", "catalogue": "towers"}
PLAY = {"n_envs": 32, "hidden": 32, "gamma": 0.5}
ACTOR = PLAY | {"total_timesteps": 8_192, "n_steps": 8, "batch_size": 64, "learning_rate": 3e-3}
VALUE = PLAY | {
    "total_timesteps": 9_600,
    "exploration_fraction": 0.3,
    "learning_starts": 1_024,
    "target_update_interval": 640,
}
WORLD = {"members": 2, "world_updates": 300}
POINTING = {"network": "auto", "updates": 300, "hidden": 32, "batch_size": 128, "learning_rate": 3e-3}
LEARNERS: list[tuple[str, str, dict[str, Any], float]] = [
    # One rating ahead, by a few linear features: far from the best plans, and far from chance.
    ("linucb", "offered", {"total_timesteps": 4000, "taste": 0.0}, 0.3),
    ("linucb", "catalogue", {"total_timesteps": 4000, "taste": 0.0}, 0.6),
    ("thompson", "offered", {"total_timesteps": 4000, "taste": 0.0}, 0.3),
    ("thompson", "catalogue", {"total_timesteps": 4000, "taste": 0.0}, 0.6),
    ("factor_ucb", "offered", {"total_timesteps": 4000, "taste": 0.0}, 0.3),
    ("factor_ucb", "catalogue", {"total_timesteps": 4000, "taste": 0.0}, 0.6),
    ("lcb", "offered", {"taste": 0.0}, 0.3),
    ("lcb", "catalogue", {"taste": 0.0}, 0.6),
    ("cql", "offered", {"updates": 400, "hidden": 32}, 0.6),
    ("cql", "catalogue", {"updates": 400, "hidden": 32}, 0.7),
    ("nfq", "offered", {"updates": 400, "hidden": 32}, 0.5),
    ("nfq", "catalogue", {"updates": 400, "hidden": 32}, 0.5),
    ("offline_dqn", "offered", {"updates": 400, "hidden": 32}, 0.7),
    ("offline_dqn", "catalogue", {"updates": 400, "hidden": 32}, 0.7),
    ("ddqn", "offered", {"updates": 400, "hidden": 32}, 0.7),
    ("ddqn", "catalogue", {"updates": 400, "hidden": 32}, 0.7),
    ("bcq", "offered", {"updates": 400, "hidden": 32}, 0.7),
    ("bcq", "catalogue", {"updates": 400, "hidden": 32}, 0.7),
    ("sac", "offered", {"updates": 400, "hidden": 32}, 0.7),
    ("sac", "catalogue", {"updates": 400, "hidden": 32}, 0.6),
    ("dt", "offered", ASKED_FOR_THE_BEST, 0.3),
    ("dt", "catalogue", ASKED_FOR_THE_BEST, 0.4),
    ("ips", "offered", {"updates": 800, "hidden": 32}, 0.6),
    ("ips", "catalogue", {"updates": 800, "hidden": 32}, 0.6),
    ("td3_bc", "offered", POINTING, 0.5),
    ("td3_bc", "catalogue", POINTING, 0.6),
    ("iql", "offered", POINTING, 0.5),
    ("iql", "catalogue", POINTING, 0.6),
    ("awac", "offered", POINTING, 0.5),
    ("awac", "catalogue", POINTING, 0.6),
    ("crr", "offered", POINTING, 0.5),
    ("crr", "catalogue", POINTING, 0.6),
    ("continuous_cql", "offered", POINTING, 0.4),
    ("continuous_cql", "catalogue", POINTING, 0.6),
    ("ppo", "offered", {"total_timesteps": 16_384, "n_envs": 32, "n_steps": 16, "hidden": 32}, 0.6),
    ("ppo", "catalogue", ACTOR, 0.7),
    ("maskable_ppo", "offered", ACTOR, 0.7),
    ("maskable_ppo", "catalogue", ACTOR, 0.7),
    ("recurrent_ppo", "offered", ACTOR, 0.6),
    ("recurrent_ppo", "catalogue", ACTOR, 0.6),
    ("a2c", "offered", PLAY | {"total_timesteps": 16_384, "n_steps": 8, "learning_rate": 3e-3}, 0.5),
    ("a2c", "catalogue", PLAY | {"total_timesteps": 16_384, "n_steps": 8, "learning_rate": 3e-3}, 0.5),
    ("dqn", "offered", VALUE, 0.65),
    ("dqn", "catalogue", VALUE, 0.7),
    ("qrdqn", "offered", VALUE | {"n_quantiles": 8}, 0.6),
    ("qrdqn", "catalogue", VALUE | {"n_quantiles": 8}, 0.5),
    ("mopo", "offered", ACTOR | WORLD, 0.65),
    ("mopo", "catalogue", ACTOR | WORLD, 0.6),
    ("dorl", "offered", ACTOR | WORLD | {"entropy_bonus": 0.1}, 0.65),
    ("dorl", "catalogue", ACTOR | WORLD | {"entropy_bonus": 0.1}, 0.6),
]


@pytest.mark.parametrize(("name", "form", "settings", "least"), LEARNERS, ids=[f"{n}-{f}" for n, f, *_ in LEARNERS])
def test_it_learns(name: str, form: str, settings: dict[str, Any], least: float) -> None:
    env = tiny(form)
    if getattr(agent_class(name).Config(), "network", "") in {"auto", "guided"}:
        settings = {"network": NETWORK[form]} | settings
    agent = make_agent(name, env, device="cpu", **settings)
    agent.fit(env if agent.learns_from == "env" else random_sessions(env, 1000))
    assert share_of_best(agent, env) > least


@pytest.mark.parametrize("form", ["offered", "catalogue"])
@pytest.mark.parametrize("name", ["bc", "sqn"])
def test_what_imitates_learns_from_the_best_tenth(name: str, form: str) -> None:
    """Random sessions say nothing to those who only imitate; the best tenth of them does."""
    env = tiny(form)
    log = random_sessions(env, 4000)
    best = [
        episode
        for episode, gain in zip(log.episodes, log.returns, strict=True)
        if gain >= np.quantile(log.returns, 0.9)
    ]
    agent = make_agent(name, env, device="cpu", updates=400, hidden=32).fit(replace(log, episodes=tuple(best)))
    assert share_of_best(agent, env) > 0.4
