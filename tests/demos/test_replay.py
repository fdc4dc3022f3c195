"""Replaying: the environment confirms every line, and whatever was changed is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from ilrec_agents import make_agent
from ilrec_agents.offline.dataset import SessionDataset, read_hdf5
from ilrec_demos.collect import collect
from ilrec_demos.export import export, transcript_path
from ilrec_demos.journal import Journal, Session, Step
from ilrec_demos.replay import replay
from ilrec_gym.cards import read_card
from ilrec_gym.errors import ArtefactError, StorageError, UsageError
from ilrec_gym.files import sha256

from .conftest import ENV_ID, MAX_STEPS

Change = Callable[[Step], Step]


def changed(journal: Journal, number: int, place: int, change: Change) -> Journal:
    """The journal with one step of one session changed."""
    session = journal.sessions[number]
    steps = [*session.steps[:place], change(session.steps[place]), *session.steps[place + 1 :]]
    return with_session(journal, replace(session, steps=tuple(steps)))


def with_session(journal: Journal, session: Session) -> Journal:
    sessions = [session if other.number == session.number else other for other in journal.sessions]
    return replace(journal, sessions=tuple(sessions))


def ended(journal: Journal, terminated: bool) -> Session:
    return next(session for session in journal.sessions if session.terminated == terminated)


def test_a_dataset_holds_what_the_agent_saw(journal: Journal, dataset: SessionDataset, env: gym.Env[Any, Any]) -> None:
    """Each session is played once more through the one-session environment, which shares no batch with it."""
    ids = env.unwrapped.scenario.catalogue.ids
    for session, episode in list(zip(journal.sessions, dataset.episodes, strict=True))[:6]:
        observation, info = env.reset(seed=session.seed)
        assert info["user_id"] == session.user_id
        for t, action in enumerate(episode.actions):
            np.testing.assert_allclose(episode.observations[t], observation, atol=1e-5)
            np.testing.assert_array_equal(episode.extras["candidates"][t], ids[info["candidates"]])
            observation, reward, terminated, truncated, info = env.step(action)
            assert episode.rewards[t] == pytest.approx(reward, abs=1e-6)
            assert episode.extras["item_id"][t] == info["item_id"]
        np.testing.assert_allclose(episode.observations[-1], observation, atol=1e-5)
        assert (terminated, truncated) == (episode.terminated, not episode.terminated)


def test_a_dataset_holds_all_steps_and_extras(journal: Journal, dataset: SessionDataset) -> None:
    assert dataset.lengths.tolist() == [len(session) for session in journal.sessions]
    np.testing.assert_allclose(dataset.returns, [session.total for session in journal.sessions], rtol=1e-6)
    assert (dataset.n_actions, dataset.task.fingerprint) == (20, journal.header.fingerprint)
    steps = [step for session in journal.sessions for step in session.steps]
    assert dataset.extra("propensity").tolist() == [step.propensity for step in steps]
    assert dataset.extra("session").tolist() == [s.number for s in journal.sessions for _ in s.steps]
    assert dataset.extra("user_id").tolist() == [s.user_id for s in journal.sessions for _ in s.steps]


def test_the_batch_size_does_not_matter(journal: Journal, dataset: SessionDataset) -> None:
    for one, other in zip(replay(journal, batch_size=3).episodes, dataset.episodes, strict=True):
        np.testing.assert_allclose(one.observations, other.observations, atol=1e-5)


@pytest.mark.parametrize("terminated", [True, False])
@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda step: replace(step, rating=step.rating + 2e-6), "rating"),
        (lambda step: replace(step, rating=float("nan")), "rating"),
        (lambda step: replace(step, action=(step.action + 1) % 20), "item_id"),
        (lambda step: replace(step, action=20), "action"),
        (lambda step: replace(step, action=-1), "action"),
        (lambda step: replace(step, item_id=step.item_id + 1), "item_id"),
        (lambda step: replace(step, candidates=step.candidates[::-1]), "candidates"),
    ],
    ids=["rating", "rating nan", "action", "action too high", "action too low", "item", "candidates"],
)
def test_a_changed_step_is_found(journal: Journal, terminated: bool, change: Change, what: str) -> None:
    session = ended(journal, terminated)
    for place in (0, 5, len(session) - 1):
        where = rf"session {session.number}, step {place + 1}: [^\n]*\n  received: ['\"]{what}: "
        with pytest.raises(ArtefactError, match=where):
            replay(changed(journal, session.number, place, change))


def test_a_change_below_the_tolerance_is_not(journal: Journal) -> None:
    replay(changed(journal, 3, 4, lambda step: replace(step, rating=step.rating + 5e-7)))


def test_a_changed_end_is_found(journal: Journal) -> None:
    left, cut = ended(journal, True), ended(journal, False)
    for session, what in [
        (replace(left, steps=left.steps[:-1]), "end of the session"),
        (replace(cut, steps=cut.steps[:-1]), "end of the session"),
        (replace(left, steps=(*left.steps, left.steps[-1])), "end of the session"),
        (replace(left, exit_reason="low_rating"), "exit_reason"),
        (replace(left, exit_reason="", terminated=False), "exit_reason"),
        (replace(cut, exit_reason="patience", terminated=True), "exit_reason"),
        (replace(left, user_id=left.user_id + 1), "user_id"),
        (replace(left, seed=left.seed + 1), "user_id|candidates"),
    ]:
        with pytest.raises(ArtefactError, match=rf"session {session.number}, .*\n.*(?:{what}): "):
            replay(with_session(journal, session))


def test_another_environment_is_refused(journal: Journal) -> None:
    with pytest.raises(ArtefactError, match="differs in: user_model"):
        replay(journal, gym.make(ENV_ID, max_steps=MAX_STEPS, user_model={"name": "satiation", "kappa": 0.3}))
    with pytest.raises(ArtefactError, match="differs in: n_actions, observation"):
        replay(journal, gym.make(ENV_ID, max_steps=MAX_STEPS, n_candidates=10))
    with pytest.raises(UsageError, match="environments of ilrec_gym"):
        replay(journal, gym.make("CartPole-v1"))


@pytest.mark.parametrize(
    "options", [{"user_model": {"name": "satiation", "kappa": 0.3}}, {"max_steps": MAX_STEPS - 1}], ids=str
)
def test_another_environment_is_found_even_under_a_false_name(journal: Journal, options: dict[str, Any]) -> None:
    other = gym.make(ENV_ID, **({"max_steps": MAX_STEPS} | options))
    header = replace(journal.header, task=other.unwrapped.describe(), fingerprint=other.unwrapped.fingerprint)
    with pytest.raises(ArtefactError, match="the environment must answer as the journal says"):
        replay(replace(journal, header=header), other)


def test_an_environment_made_with_objects_has_to_be_given(tmp_path: Path, env: gym.Env[Any, Any]) -> None:
    own = gym.make(ENV_ID, dataset=env.unwrapped.scenario, max_steps=4)
    journal = collect(make_agent("random", own), own, tmp_path / "own", sessions=2)
    assert journal.header.env is None
    with pytest.raises(UsageError, match="needs env="):
        replay(journal)
    assert len(replay(journal, own)) == 2


def test_the_whole_catalogue(tmp_path: Path) -> None:
    env = gym.make("ilrec/MovieLens-v0", max_steps=5)
    dataset = replay(collect(make_agent("mmr", env), env, tmp_path / "all", sessions=3))
    assert dataset.n_actions == len(env.unwrapped.scenario.catalogue)
    assert set(dataset.episodes[0].extras) == {"session", "user_id", "item_id"}


def test_an_unfinished_journal_needs_leave(journal: Journal) -> None:
    part = replace(journal, sessions=journal.sessions[3:7])
    with pytest.raises(UsageError, match="4 of 20 sessions"):
        replay(part)
    assert len(replay(part, partial=True)) == 4


def test_export_writes_dataset_card_and_transcript(journal: Journal, dataset: SessionDataset, tmp_path: Path) -> None:
    target = tmp_path / "demos.h5"
    export(journal.path, target, transcript=2)
    names = ["demos.card.md", "demos.card.png", "demos.h5", "demos.h5.card.json", "demos.transcript.md"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert len(read_hdf5(target)) == len(dataset)
    card = read_card(target, kind="dataset")
    assert card["inputs"] == {"sessions": sha256(journal.sessions_path)}
    assert card["agent"]["name"] == "logging"
    assert "2 of 20 sessions" in transcript_path(target).read_text()
    export(journal, tmp_path / "again.h5", transcript=0)
    assert (tmp_path / "again.h5").read_bytes() == target.read_bytes()
    assert not transcript_path(tmp_path / "again.h5").exists()


def test_nothing_is_exported_from_a_damaged_journal(journal: Journal, tmp_path: Path) -> None:
    damaged = changed(journal, 2, 1, lambda step: replace(step, rating=1.0))
    with pytest.raises(ArtefactError):
        export(damaged, tmp_path / "demos.h5")
    assert list(tmp_path.iterdir()) == []


def test_no_folder_there(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="must be writable"):
        export(journal, tmp_path / "file" / "demos.h5")
