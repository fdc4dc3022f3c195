"""Collecting: every session is decided by its own seed, and the journal says what decided it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from ilrec_agents import Agent, make_agent
from ilrec_agents.heuristic.retriever import RetrieverRandomAgent
from ilrec_demos.collect import collect
from ilrec_demos.journal import SESSIONS, Journal
from ilrec_gym.cards import read_card
from ilrec_gym.errors import StorageError, UsageError

from .conftest import BATCH, ENV_ID, MAX_STEPS
from .conftest import SESSIONS as N


class Talking(RetrieverRandomAgent):
    """Says why, in words, and how much that took, as a language model does."""

    name = "talking"
    facts = {"model": "none", "prompt": "act-only"}

    def explain(self) -> list[dict[str, Any]] | None:
        said = super().explain()
        assert said is not None
        return [{**row, "reason": f"like | #{i}\n", "tokens": np.int64(3), "ms": 0.5} for i, row in enumerate(said)]


def without_times(journal: Journal) -> list[object]:
    return [session.without_times() for session in journal.sessions]


def test_each_session_plays_its_own_user_and_seed(journal: Journal, env: gym.Env[Any, Any]) -> None:
    base = env.unwrapped
    users = base.scenario.users.ids[base.draw_users(np.arange(N))]
    assert [session.user_id for session in journal.sessions] == users.tolist()
    assert [session.seed for session in journal.sessions] == list(range(N))
    assert not base.scenario.users.is_test[base.draw_users(np.arange(N))].any()


def test_sessions_end_both_ways(journal: Journal) -> None:
    assert {session.terminated for session in journal.sessions} == {True, False}
    for session in journal.sessions:
        assert session.exit_reason == ("patience" if session.terminated else "")
        assert session.terminated or len(session) == MAX_STEPS


def test_steps_hold_what_was_offered_and_how_likely_the_choice_was(journal: Journal, env: gym.Env[Any, Any]) -> None:
    catalogue = env.unwrapped.scenario.catalogue
    titles = dict(zip(catalogue.ids.tolist(), catalogue.titles, strict=True))
    for session in journal.sessions:
        shown = [step.item_id for step in session.steps]
        assert len(set(shown)) == len(shown)
        for step in session.steps:
            assert step.candidates is not None and len(step.candidates) == 20
            assert step.candidates[step.action] == step.item_id
            assert step.title == titles[step.item_id]
            assert step.propensity is not None and 0.4 / 20 <= step.propensity <= 1


def test_how_many_play_side_by_side_does_not_matter(
    journal: Journal, agent: Agent, env: gym.Env[Any, Any], tmp_path: Path
) -> None:
    alone = collect(agent, env, tmp_path / "alone", sessions=N, batch_size=1)
    for one, other in zip(alone.sessions, journal.sessions, strict=True):
        assert [step.action for step in one.steps] == [step.action for step in other.steps]
        np.testing.assert_allclose([s.rating for s in one.steps], [s.rating for s in other.steps], atol=1e-9)


def test_the_seed_is_the_first_sessions(journal: Journal, agent: Agent, env: gym.Env[Any, Any], tmp_path: Path) -> None:
    later = collect(agent, env, tmp_path / "later", sessions=4, seed=8, batch_size=4)
    assert [session.seed for session in later.sessions] == [8, 9, 10, 11]
    assert [s.user_id for s in later.sessions] == [s.user_id for s in journal.sessions[8:12]]
    assert [s.steps[0].action for s in later.sessions] == [s.steps[0].action for s in journal.sessions[8:12]]


def test_what_the_agent_says_is_kept(env: gym.Env[Any, Any], tmp_path: Path) -> None:
    task = make_agent("retriever_random", env).task
    talking = Talking(task, Talking.Config())
    journal = collect(talking, env, tmp_path / "talk", sessions=3, batch_size=3)
    assert journal.header.agent["facts"] == Talking.facts
    for row, session in enumerate(journal.sessions):
        assert session.tokens == 3 * len(session)
        assert all(step.facts == {"reason": f"like | #{row}\n", "tokens": 3, "ms": 0.5} for step in session.steps)
    assert read_card(journal.sessions_path)["tokens"] == sum(session.tokens or 0 for session in journal.sessions)


def test_what_the_agent_says_cannot_take_the_journals_place(env: gym.Env[Any, Any], tmp_path: Path) -> None:
    class Lying(RetrieverRandomAgent):
        def explain(self) -> list[dict[str, Any]]:
            return [{"rating": 5.0}]

    lying = Lying(make_agent("retriever_random", env).task, Lying.Config())
    with pytest.raises(UsageError, match="journal records itself"):
        collect(lying, env, tmp_path / "lie", sessions=1)


def test_an_agent_that_says_nothing_leaves_gaps(env: gym.Env[Any, Any], tmp_path: Path) -> None:
    journal = collect(make_agent("retriever_top1", env), env, tmp_path / "quiet", sessions=2)
    assert all(step.propensity is None and not step.facts for session in journal.sessions for step in session.steps)
    assert all(session.tokens is None for session in journal.sessions)


def test_the_whole_catalogue_is_not_listed(tmp_path: Path) -> None:
    env = gym.make("ilrec/MovieLens-v0", max_steps=5)
    journal = collect(make_agent("random", env), env, tmp_path / "all", sessions=3)
    assert all(step.candidates is None for session in journal.sessions for step in session.steps)
    assert '"candidates"' not in journal.sessions_path.read_text()


def test_the_card_says_what_made_it(journal: Journal, env: gym.Env[Any, Any]) -> None:
    card = read_card(journal.sessions_path, kind="journal")
    steps = sum(map(len, journal.sessions))
    assert card["inputs"] == {"scenario": env.unwrapped.scenario.fingerprint}
    assert card["parameters"]["agent"]["config"]["random"] == 0.4
    assert card["parameters"]["env"]["kwargs"] == {"max_steps": MAX_STEPS}
    assert (card["seed"], card["statistics"]["sessions"], card["statistics"]["steps"]) == (0, N, steps)
    assert sum(card["statistics"]["exit_reasons"].values()) == N
    assert card["statistics"]["mean_length"] == pytest.approx(steps / N)


def test_a_journal_that_is_there_is_not_written_over(journal: Journal, agent: Agent, env: gym.Env[Any, Any]) -> None:
    before = journal.sessions_path.read_bytes()
    with pytest.raises(UsageError, match="must not hold a journal yet"):
        collect(agent, env, journal.path, sessions=N, batch_size=BATCH)
    assert journal.sessions_path.read_bytes() == before


def test_a_finished_journal_is_left_as_it_is(journal: Journal, agent: Agent, env: gym.Env[Any, Any]) -> None:
    before = {path: path.read_bytes() for path in journal.path.iterdir()}
    again = collect(agent, env, journal.path, sessions=N, batch_size=BATCH, resume=True)
    assert again == journal
    assert {path: path.read_bytes() for path in journal.path.iterdir()} == before


@pytest.mark.parametrize("gone", [1, 7, 13, N])
def test_resuming_plays_what_is_missing(
    journal: Journal, agent: Agent, env: gym.Env[Any, Any], folder: Path, gone: int
) -> None:
    lines = (folder / SESSIONS).read_bytes().splitlines(keepends=True)
    kept = [line for i, line in enumerate(lines) if i % N not in {(3 * j) % N for j in range(gone)}]
    (folder / SESSIONS).write_bytes(b"".join(kept))
    resumed = collect(agent, env, folder, sessions=N, batch_size=BATCH, resume=True)
    assert without_times(resumed) == without_times(journal)
    assert (folder / SESSIONS).read_bytes().startswith(b"".join(kept))


@pytest.mark.parametrize(
    ("change", "field"),
    [({"sessions": N + 1}, "sessions"), ({"seed": 1}, "seed"), ({"batch_size": 4}, "batch_size")],
)
def test_resuming_needs_the_same_settings(
    journal: Journal, agent: Agent, env: gym.Env[Any, Any], change: dict[str, int], field: str
) -> None:
    settings = {"sessions": N, "seed": 0, "batch_size": BATCH} | change
    with pytest.raises(UsageError, match=f"different: {field}\n"):
        collect(agent, env, journal.path, resume=True, **settings)


def test_resuming_needs_the_same_agent_and_environment(journal: Journal, env: gym.Env[Any, Any]) -> None:
    other = make_agent("logging", env, temperature=0.3)
    with pytest.raises(UsageError, match=r"different: agent\.config\.temperature\n"):
        collect(other, env, journal.path, sessions=N, batch_size=BATCH, resume=True)
    longer = gym.make(ENV_ID, max_steps=50)
    with pytest.raises(UsageError, match=r"different: env\.kwargs\.max_steps, task\.max_steps\n"):
        collect(make_agent("logging", longer), longer, journal.path, sessions=N, batch_size=BATCH, resume=True)


@pytest.mark.parametrize("split", ["test", "all"])
def test_test_users_need_leave(split: str, tmp_path: Path) -> None:
    env = gym.make(ENV_ID, max_steps=3, split=split)
    agent = make_agent("random", env)
    with pytest.raises(UsageError, match="allow_test_users"):
        collect(agent, env, tmp_path / "no", sessions=2)
    assert not (tmp_path / "no").exists()
    journal = collect(agent, env, tmp_path / "yes", sessions=2, allow_test_users=True)
    assert journal.finished and journal.header.split == split


def test_another_environments_agent_is_refused(agent: Agent, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="made for the environment"):
        collect(agent, gym.make(ENV_ID, max_steps=3), tmp_path / "no", sessions=1)


def test_another_packages_environment_is_refused(agent: Agent, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="environments of ilrec_gym"):
        collect(agent, gym.make("CartPole-v1"), tmp_path / "no", sessions=1)


@pytest.mark.parametrize("change", [{"sessions": 0}, {"sessions": 1.5}, {"seed": -1}, {"batch_size": 0}], ids=str)
def test_numbers_out_of_range_are_refused(
    agent: Agent, env: gym.Env[Any, Any], tmp_path: Path, change: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match="whole number"):
        collect(agent, env, tmp_path / "no", **({"sessions": 1} | change))
    assert not (tmp_path / "no").exists()


def test_a_full_disk_keeps_finished_sessions_and_can_be_resumed(
    journal: Journal, agent: Agent, env: gym.Env[Any, Any], tmp_path: Path,
    full_disk: Callable[[int], AbstractContextManager[None]],
) -> None:  # fmt: skip
    path = tmp_path / "full"
    with full_disk(60_000), pytest.raises(StorageError, match="--resume"):
        collect(agent, env, path, sessions=N, batch_size=BATCH)
    kept = Journal.read(path)
    assert 0 < len(kept.sessions) < N
    assert (path / SESSIONS).read_bytes().endswith(b"\n")
    assert without_times(collect(agent, env, path, sessions=N, batch_size=BATCH, resume=True)) == without_times(journal)
