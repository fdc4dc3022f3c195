"""The ladder is what `evaluate` says, under every user model; warnings come where they must and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ilrec_agents import make_agent
from ilrec_agents.fidelity import cautions, ladder
from ilrec_agents.fidelity.ladder import CHANCE, POLICIES, Ladder, climb, play
from ilrec_agents.fidelity.lengths import counts_of, spread_of
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.evaluation import evaluate
from ilrec_gym.simulation.user_models import USER_MODELS


@pytest.fixture(scope="module")
def climbed(scenario: Any, rules: Any) -> dict[str, Ladder]:
    models = {"satiation": "satiation", **rules}
    return {
        name: climb(MovieLensEnv(scenario, user_model=model, split="test"), users=None if name == "satiation" else 60)
        for name, model in models.items()
    }


def kinds(found: Ladder) -> set[str]:
    return {caution.kind for caution in cautions.cautions(found)}


@pytest.mark.parametrize("policy", ["random", "playlist", "oracle_plan"])
@pytest.mark.parametrize("user_model", ["satiation", "hazard"])
def test_some_at_a_time_play_as_all_together(
    policy: str, user_model: str, scenario: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = MovieLensEnv(scenario, user_model=user_model, split="test")
    whole = evaluate(make_agent(policy, env), env, episodes=15, seed=7)
    monkeypatch.setattr(ladder, "_CELLS", 4 * len(scenario.catalogue))
    done: list[int] = []
    parts = play(make_agent(policy, env), env, users=15, seed=7, tick=done.append)
    assert len(done) > 2 and sum(done) == 15
    for name, array in whole.log.to_arrays().items():
        if name != "seconds_per_decision":
            np.testing.assert_array_equal(parts.log.to_arrays()[name], array, err_msg=name)
    assert parts.fingerprint == whole.fingerprint


@pytest.mark.parametrize("user_model", sorted(USER_MODELS))
def test_every_user_model_has_a_ladder(user_model: str, scenario: Any) -> None:
    found = climb(MovieLensEnv(scenario, user_model=user_model, split="test"), users=6)
    assert list(found.evaluations) == list(POLICIES)
    assert found.name == user_model and found.leaving_step_counts == USER_MODELS[user_model]().leaving_step_counts
    assert found.max_steps == USER_MODELS[user_model].max_steps
    assert found.headroom(CHANCE) == 0 and found.headroom(found.best("oracle")) == 1
    cautions.cautions(found)


def test_returns_are_counted_as_the_source_counts(climbed: Any) -> None:
    found = climbed["satiation"]
    without = replace(found, leaving_step_counts=False)
    assert without.mean("mmr", "Len").mean == pytest.approx(found.mean("mmr", "Len").mean - 1)
    assert found.mean("mmr").mean == found.evaluations["mmr"].R_traj.mean
    assert without.per_user("mmr").values.mean() == pytest.approx(without.mean("mmr").mean)
    difference = found.difference("mmr", "playlist")
    assert difference.mean == pytest.approx(found.mean("mmr").mean - found.mean("playlist").mean)


def test_a_good_rule_is_not_warned_of(climbed: Any) -> None:
    assert kinds(climbed["satiation"]) == set()


def test_a_rule_that_tells_nothing_apart_is(climbed: Any) -> None:
    """Every rung earns the same, so nothing is separated from chance, no list from a personal rule, and no length."""
    found = cautions.cautions(climbed["deaf"])
    blind = [caution.text for caution in found if caution.kind == cautions.BLIND]
    assert len(blind) == 5  # three oracles and two personal rules
    assert all("cannot tell good from bad" in text for text in blind)
    assert kinds(climbed["deaf"]) == {cautions.BLIND, cautions.LIST_TIES, cautions.LENGTH}


def test_where_all_have_one_taste_a_list_wins(climbed: Any) -> None:
    found = [caution for caution in cautions.cautions(climbed["herd"]) if caution.kind == cautions.LIST_WINS]
    assert len(found) == 1 and "`best_average` earns more than `greedy`" in found[0].text
    assert cautions.BLIND not in kinds(climbed["herd"])


def test_where_nobody_leaves_the_horizon_is_told_of(climbed: Any) -> None:
    assert cautions.HORIZON in kinds(climbed["patient"])
    assert cautions.LENGTH not in kinds(climbed["patient"])
    assert cautions.BLIND not in kinds(climbed["patient"])


def test_lists_are_warned_of_by_their_twins_too(climbed: Any) -> None:
    """`playlist` stays below `mmr`, but `best_average` is put above `greedy`."""
    found = climbed["satiation"]
    swapped = {"best_average": found.evaluations["greedy"], "greedy": found.evaluations["best_average"]}
    assert kinds(replace(found, evaluations=found.evaluations | swapped)) == {cautions.LIST_WINS}
    ties = {"playlist": found.evaluations["mmr"]}
    assert kinds(replace(found, evaluations=found.evaluations | ties)) == {cautions.LIST_TIES}


def test_truth_that_earns_little_and_plans_that_fail_are_told_of(climbed: Any) -> None:
    found = climbed["satiation"]
    greedy = {"oracle_greedy": found.evaluations["popular"]}  # better than chance, by little
    assert kinds(replace(found, evaluations=found.evaluations | greedy)) == {cautions.TASTE}
    plan = {"oracle_plan": found.evaluations["oracle_greedy"]}
    assert kinds(replace(found, evaluations=found.evaluations | plan)) == {cautions.PLANNER}
    chance = {"oracle_greedy": found.evaluations["random"]}
    assert kinds(replace(found, evaluations=found.evaluations | chance)) == {cautions.BLIND}


def test_one_user_is_no_ground_to_tell_rules_apart(scenario: Any) -> None:
    found = climb(MovieLensEnv(scenario, split="test"), users=1)
    assert cautions.BLIND in kinds(found)


def test_lengths_are_counted() -> None:
    lengths = np.array([1, 1, 2, 5])
    assert counts_of(lengths, 6) == [2, 1, 0, 0, 1, 0]
    assert spread_of(np.arange(1, 101)) == [10, 25, 50, 75, 90]
