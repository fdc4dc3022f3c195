"""Oracles under every user model: what they promise holds, and agrees with a second, slow computation."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from ilrec_agents import make_agent
from ilrec_agents.base import ItemScoringAgent
from ilrec_agents.task import Task
from ilrec_gym.errors import UsageError
from ilrec_gym.evaluation import evaluate, paired_difference, rollout
from ilrec_gym.simulation.user_models import USER_MODELS
from ilrec_gym.simulation.user_models.base import UserModel

WHOLE, OFFERED = "ilrec/MovieLens-v0", "ilrec/MovieLens-Candidates-v0"


@dataclass(frozen=True)
class Fussy(UserModel):
    """A rule for tests: the user rates what they like, and leaves at an item whose index has another parity than t."""

    exit_reasons = ("parity",)
    max_steps = 12

    def respond(self, world: Any, state: Any, items: Any) -> tuple[Any, Any]:
        return world.liked(state, items), ((items + state.steps) % 2 == 1).astype(np.int8)


@dataclass(frozen=True)
class Hurried(Fussy):
    """A rule for tests: every user leaves at the first item."""

    def respond(self, world: Any, state: Any, items: Any) -> tuple[Any, Any]:
        return world.liked(state, items), np.ones(len(items), np.int8)


@dataclass(frozen=True)
class Contrary(Fussy):
    """A rule for tests: the user leaves at what comes within one star of their expectation."""

    max_steps = 4

    def respond(self, world: Any, state: Any, items: Any) -> tuple[Any, Any]:
        liked = world.liked(state, items)
        return liked, (liked > state.aspiration - 1).astype(np.int8)


@dataclass(frozen=True)
class Late(Fussy):
    """A rule for tests: nobody leaves, and the first item is rated a tenth of what it is worth."""

    max_steps = 2

    def respond(self, world: Any, state: Any, items: Any) -> tuple[Any, Any]:
        return world.liked(state, items) * np.where(state.steps == 0, 0.1, 1.0), np.zeros(len(items), np.int8)


class ByFormula(ItemScoringAgent):
    """R(u, i) - half kappa (e_i . g) in one piece, from the history: `oracle_one_step` under `satiation`."""

    name, info = "by_formula", ("action_mask", "history")

    def item_scores(self, observations: Any, infos: Any) -> Any:
        model, vectors = self.task.truth.user_model, self.task.catalogue.vectors
        memory = np.zeros((len(observations), vectors.shape[1]))
        for items in infos["history_items"].T:
            played = items >= 0
            memory[played] = model.lam * memory[played] + vectors[items[played]]
        liked = np.clip(self.task.truth.scenario.truth.predict_all(infos["user_index"]), *self.task.rating_scale)
        return liked - self.task.half * model.kappa * (memory @ vectors.T)


@pytest.mark.parametrize("env_id", [WHOLE, OFFERED])
def test_one_step_is_true_rating_minus_satiation(env_id: str) -> None:
    env = gym.make(env_id, split="test")
    found = evaluate(make_agent("oracle_one_step", env), env, episodes=12)
    formula = evaluate(ByFormula(Task.of(env), None), env, episodes=12)
    np.testing.assert_array_equal(found.log.items, formula.log.items)


def test_foresight_spares_later_steps() -> None:
    env = gym.make(WHOLE, split="test")
    near, far = (evaluate(make_agent("oracle_one_step", env, foresight=f), env, episodes=25) for f in (1.0, 2.0))
    assert paired_difference(far.per_user("R_traj"), near.per_user("R_traj")).low > 0


@pytest.mark.parametrize("name", ["oracle_one_step", "oracle_plan"])
def test_users_stay_as_long_as_anything_keeps_them(name: str) -> None:
    env = gym.make(WHOLE, user_model=Fussy(), split="test")
    log = evaluate(make_agent(name, env), env, episodes=12).log
    assert log.truncated.all()
    greedy = evaluate(make_agent("oracle_greedy", env), env, episodes=12).log
    assert not greedy.truncated.any()


def test_what_keeps_the_user_may_be_far_down() -> None:
    """Only items that the user cares little for keep them; the first hundreds in the order of liking do not."""
    env = gym.make(WHOLE, user_model=Contrary(), split="test")
    for name in ("oracle_one_step", "oracle_plan"):
        log = evaluate(make_agent(name, env), env, episodes=8).log
        assert log.truncated.all()


def test_one_step_takes_the_best_of_those_that_keep_the_user() -> None:
    env = gym.make(WHOLE, user_model=Fussy(), split="test")
    log = evaluate(make_agent("oracle_one_step", env), env, episodes=5).log
    scenario = env.unwrapped.scenario
    for user_id, items in zip(log.user_ids, log.items, strict=True):
        user = scenario.users.index_of(user_id)
        liked = np.clip(scenario.truth.predict_all(np.array([user]))[0], *scenario.rating_scale)
        gone = set(scenario.users.profile_items[user].tolist())
        for t, item in enumerate(items.tolist()):
            staying = [i for i in range(t % 2, len(liked), 2) if i not in gone]
            assert liked[item] == max(liked[staying])
            gone.add(item)


@pytest.mark.parametrize("name", ["oracle_one_step", "oracle_plan"])
def test_where_nothing_keeps_the_user_the_rating_decides(name: str) -> None:
    env = gym.make(WHOLE, user_model=Hurried(), split="test")
    log, greedy = (evaluate(make_agent(agent, env), env, episodes=12).log for agent in (name, "oracle_greedy"))
    np.testing.assert_array_equal(log.items, greedy.items)


def test_a_wide_beam_finds_the_best_path() -> None:
    """Exhaustive search over every path of the shortlist agrees, to the end of a session of four steps."""
    env = gym.make(OFFERED, max_steps=4, n_candidates=5, split="test", user_model={"name": "satiation", "kappa": 1.0})
    base = env.unwrapped
    agent = make_agent("oracle_plan", env, width=1000, depth=4, shortlist=5)
    sessions = base.batch(6, agent.info)
    observations, infos = sessions.reset(base.users[:6], seeds=np.arange(6))
    actions = agent.act(observations, infos)
    simulator = base.scenario.simulator(base.user_model, 4)
    for row in range(6):
        returns = {path: _return(simulator, base.users[row], infos["candidates"][row, list(path)])
                   for path in permutations(range(5), 4)}  # fmt: skip
        best = max(returns.values())
        assert actions[row] in {path[0] for path, value in returns.items() if value == pytest.approx(best, abs=1e-9)}


def _return(simulator: Any, user: int, items: Any) -> float:
    state = simulator.start(np.array([user]))
    return sum(float(simulator.step(state, np.array([item])).rating[0]) for item in items)


def test_planning_beats_looking_one_step_ahead() -> None:
    env = gym.make(WHOLE, split="test")
    one, plan = (evaluate(make_agent(n, env), env, episodes=25) for n in ("oracle_one_step", "oracle_plan"))
    assert paired_difference(plan.per_user("R_traj"), one.per_user("R_traj")).low > 0


@pytest.mark.parametrize(("env_id", "model"), [(WHOLE, "satiation"), (OFFERED, "satiation"), (OFFERED, "fussy")])
def test_paths_of_one_step_are_one_step(env_id: str, model: str) -> None:
    env = gym.make(env_id, split="test", user_model={"satiation": "satiation", "fussy": Fussy()}[model])
    short = evaluate(make_agent("oracle_plan", env, width=3, depth=1), env, episodes=6).log
    np.testing.assert_array_equal(short.items, evaluate(make_agent("oracle_one_step", env), env, episodes=6).log.items)


def test_a_plan_saves_the_best_for_when_it_counts() -> None:
    """The second of two steps counts more: the second best item comes first, and the best is not planned twice."""
    env = gym.make(WHOLE, user_model=Late(), split="test")
    plan, one = (evaluate(make_agent(n, env), env, episodes=12).log for n in ("oracle_plan", "oracle_one_step"))
    truth = env.unwrapped.scenario.truth
    for user_id, mine, theirs in zip(plan.user_ids, plan.items, one.items, strict=True):
        liked = np.clip(truth.predict_all([env.unwrapped.scenario.users.index_of(user_id)])[0], 0.5, 5)
        assert liked[mine].tolist() == liked[theirs[::-1]].tolist()


@pytest.mark.parametrize("name", ["oracle_one_step", "oracle_plan"])
@pytest.mark.parametrize("user_model", sorted(USER_MODELS))
def test_oracles_play_under_every_user_model(name: str, user_model: str) -> None:
    env = gym.make(WHOLE, user_model=user_model, split="test")
    agent, random = make_agent(name, env), make_agent("random_masked", env)
    found, chance = evaluate(agent, env, episodes=20), evaluate(random, env, episodes=20)
    assert not found.repeats
    assert paired_difference(found.per_user("R_each"), chance.per_user("R_each")).low > 0
    state = agent._twin.state
    followed = np.arange(found.log.items.shape[1]) < state.steps[:, None]
    assert (state.steps >= found.log.lengths - 1).all()
    np.testing.assert_array_equal(state.ratings[:, : followed.shape[1]][followed], found.log.ratings[followed])


def test_a_twin_follows_sessions_that_it_meets_halfway() -> None:
    """The same choices whether an agent was there from the start, or is asked for the first time at step 5."""
    env = gym.make(WHOLE, split="test")
    base = env.unwrapped
    known, late = make_agent("oracle_one_step", env), make_agent("oracle_one_step", env)
    sessions = base.batch(7, known.info)
    observations, infos = sessions.reset(base.users[:7], seeds=np.arange(7))
    for step in range(6):
        actions = known.act(observations, infos)
        if step == 5:
            np.testing.assert_array_equal(late.act(observations, infos), actions)
        observations, *_, infos = sessions.step(actions)
    other = sessions.reset(base.users[7:14], seeds=np.arange(7))
    np.testing.assert_array_equal(known.act(*other), make_agent("oracle_one_step", env).act(*other))


def test_chance_to_come_is_not_known() -> None:
    """Under leaving by chance alone, even a planner leaves as early as anybody: it cannot foresee the dice."""
    env = gym.make(WHOLE, user_model=Coin(), split="test")
    users = env.unwrapped.users
    plan = rollout(make_agent("oracle_plan", env), env.unwrapped.batch(len(users), ("action_mask", "history")),
                   users, np.arange(len(users)))  # fmt: skip
    assert plan.lengths.mean() < 5  # 1 / 0.3 expected; one who saw the dice would stay to the horizon


@dataclass(frozen=True)
class Coin(UserModel):
    """A rule for tests: at every item the user leaves with chance 0.3, by a draw of that item's own."""

    exit_reasons = ("chance",)
    max_steps = 30

    def respond(self, world: Any, state: Any, items: Any) -> tuple[Any, Any]:
        from ilrec_gym.simulation import draws

        mixed = state.seeds + 7919 * np.asarray(items)
        draw = draws.uniform(mixed, state.episodes, draws.EXIT, state.steps)
        return world.liked(state, items), (draw < 0.3).astype(np.int8)


@pytest.mark.parametrize(
    ("name", "setting"),
    [("oracle_plan", {"width": 0}), ("oracle_plan", {"depth": 1.5}), ("oracle_one_step", {"foresight": -1.0})],
)
def test_settings_out_of_range_are_refused(name: str, setting: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(setting))):
        make_agent(name, gym.make(WHOLE), **setting)


def test_random_repeats_and_random_masked_does_not() -> None:
    """A small catalogue, so that chance repeats: the unmasked one shows seen items, the masked one never."""
    env = gym.make(WHOLE, catalogue_size=60, split="test")
    random, masked = (evaluate(make_agent(n, env), env) for n in ("random", "random_masked"))
    users = env.unwrapped.scenario.users
    assert random.repeats > 0 == masked.repeats
    for result, allowed in ((random, False), (masked, True)):
        profile = [users.profile_items[users.index_of(u)] for u in result.log.user_ids]
        shown_again = sum(np.isin(items[items >= 0], seen).sum()
                          for items, seen in zip(result.log.items, profile, strict=True))  # fmt: skip
        assert (shown_again == 0) == allowed
