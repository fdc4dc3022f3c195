"""Traces: what was played comes back, survives kills and company, and measures as an evaluation does."""

import multiprocessing
from functools import partial

import gymnasium as gym
import numpy as np
import pytest

from ilrec_gym.errors import ArtefactError, StorageError, UsageError
from ilrec_gym.evaluation.record_files import read_sessions, session_log_of
from ilrec_gym.wrappers import ItemEmbeddingAction, LearnedReward, MaskSeen, RecordSessions, TextAction

from .conftest import OFFERED, WHOLE


def play(env, seeds, policy=lambda step: step % 20):
    """Whole sessions; what the viewer gave, and the infos."""
    played = []
    for seed in seeds:
        env.reset(seed=seed)
        played.append([])
        ended = False
        while not ended:
            _, reward, terminated, truncated, info = env.step(policy(len(played[-1])))
            played[-1].append((reward, info))
            ended = terminated or truncated
    return played


def test_what_was_played_is_there(tmp_path):
    env = RecordSessions(gym.make(OFFERED, max_steps=37), tmp_path / "sessions.jsonl")
    played = play(env, range(5))
    env.reset(seed=9)
    env.step(0)
    env.reset(seed=9)
    env.close()
    sessions = read_sessions(tmp_path / "sessions.jsonl")
    assert [session.seed for session in sessions] == list(range(5)), "what was left before its end is not there"
    assert {session.terminated for session in sessions} == {True, False}
    for session, steps in zip(sessions, played, strict=True):
        assert [step.rating for step in session.steps] == [reward for reward, _ in steps]
        assert [step.item_id for step in session.steps] == [info["item_id"] for _, info in steps]
        assert [step.action for step in session.steps] == [step % 20 for step in range(len(steps))]
        assert (session.exit_reason, session.user_id) == tuple(steps[-1][1][key] for key in ("exit_reason", "user_id"))
        ids = env.unwrapped.scenario.catalogue.ids
        for before, after in zip(steps, session.steps[1:], strict=False):
            assert after.candidates == tuple(ids[before[1]["candidates"]].tolist())
        assert all(step.item_id == step.candidates[step.action] and not step.facts for step in session.steps)


def test_the_log_measures_what_was_played(tmp_path):
    env = RecordSessions(gym.make(OFFERED), tmp_path / "sessions.jsonl")
    played = play(env, range(4))
    log = session_log_of(read_sessions(tmp_path / "sessions.jsonl"), env.unwrapped.scenario.catalogue)
    assert log.lengths.tolist() == [len(steps) for steps in played]
    assert np.nansum(log.ratings, axis=1) == pytest.approx([sum(reward for reward, _ in steps) for steps in played])
    assert log.items[2, 0] == played[2][0][1]["item_index"]


def test_later_sessions_of_a_seed_are_numbered(tmp_path):
    env = RecordSessions(gym.make(OFFERED, max_steps=2), tmp_path / "sessions.jsonl")
    play(env, [3, None, None, 4])
    assert [(s.seed, s.number) for s in read_sessions(env.path)] == [(3, 0), (3, 1), (3, 2), (4, 0)]


def test_over_other_wrappers(tmp_path):
    base = partial(gym.make, WHOLE, max_steps=3)
    paid = RecordSessions(LearnedReward(base(), lambda *a: np.array([0.25])), tmp_path / "paid.jsonl")
    play(paid, [0])
    assert {step.facts["reward"] for step in read_sessions(paid.path)[0].steps} == {0.25}
    assert min(step.rating for step in read_sessions(paid.path)[0].steps) > 0.25
    near = RecordSessions(ItemEmbeddingAction(base()), tmp_path / "near.jsonl")
    play(near, [0], lambda step: np.full(17, 0.5, np.float32))
    titled = RecordSessions(TextAction(base()), tmp_path / "titled.jsonl")
    play(titled, [0], lambda step: "The Matrix (1999)")
    masked = RecordSessions(MaskSeen(base(), "replace"), tmp_path / "masked.jsonl")
    play(masked, [0], lambda step: 5)
    for env, given in ((near, [0.5] * 17), (titled, "The Matrix (1999)"), (masked, None)):
        ids = env.unwrapped.scenario.catalogue.ids
        for step in read_sessions(env.path)[0].steps:
            assert ids[step.action] == step.item_id and step.facts.get("given") == given


def test_what_a_kill_tore_is_cut_off_and_what_was_finished_stays(tmp_path):
    path = tmp_path / "sessions.jsonl"
    env = RecordSessions(gym.make(OFFERED, max_steps=4), path)
    play(env, [0, 1])
    whole = path.read_bytes()
    for cut in (1, 40, len(whole) // 4):
        path.write_bytes(whole[:-cut])
        assert len(read_sessions(path)) == 1
        play(env, [1])
        assert path.read_bytes() == whole


def _record(path, seeds):
    play(RecordSessions(gym.make(OFFERED, max_steps=40), path), seeds)


def test_several_processes_write_to_one_file(tmp_path):
    path, context = tmp_path / "sessions.jsonl", multiprocessing.get_context("spawn")
    workers = [context.Process(target=_record, args=(path, range(20 * i, 20 * i + 20))) for i in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert sorted(session.seed for session in read_sessions(path)) == list(range(60))


def test_bad_files(tmp_path):
    with pytest.raises(ArtefactError, match="must exist"):
        read_sessions(tmp_path / "none.jsonl")
    for text in ("{}\n", "no json\n", '{"session": 1}\n'):
        (tmp_path / "bad.jsonl").write_text(text)
        with pytest.raises(ArtefactError, match="line 1 of .*finished session"):
            read_sessions(tmp_path / "bad.jsonl")
    with pytest.raises(ArtefactError, match="readable"):
        read_sessions(tmp_path)
    with pytest.raises(UsageError, match="folder"):
        RecordSessions(gym.make(OFFERED), tmp_path / "no" / "such.jsonl")
    (tmp_path / "taken").mkdir()
    env = RecordSessions(gym.make(OFFERED, max_steps=1), tmp_path / "taken")
    env.reset(seed=0)
    with pytest.raises(StorageError, match="writable"):
        env.step(0)


def test_slates_are_refused(tmp_path):
    slates = gym.make("ilrec/RecSim-ML1M-v0", dataset="ml-latest-small")
    with pytest.raises(UsageError, match="one item per step"):
        RecordSessions(slates, tmp_path / "sessions.jsonl")


def test_a_log_of_another_catalogue_is_refused(tmp_path):
    env = RecordSessions(gym.make(OFFERED, max_steps=9), tmp_path / "sessions.jsonl")
    play(env, [0])
    other = gym.make(WHOLE, catalogue_size=5).unwrapped.scenario.catalogue
    with pytest.raises(UsageError, match="catalogue's items"):
        session_log_of(read_sessions(env.path), other)
    with pytest.raises(UsageError, match="needs a session"):
        session_log_of((), other)
