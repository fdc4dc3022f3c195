"""An evaluation states its metrics with intervals and is the same after a way through a file."""

import dataclasses
import math
import sys

import numpy as np
import pytest

from ilrec_gym.cards import read_card
from ilrec_gym.errors import ArtefactError, MissingExtraError, UsageError
from ilrec_gym.evaluation import CatalogueFacts, Evaluation, SessionLog
from ilrec_gym.files import read_arrays, write_arrays


def test_headline(evaluation):
    assert evaluation.Len.mean == pytest.approx(8 / 3)
    assert evaluation.R_traj.mean == pytest.approx(24.5 / 3)
    assert evaluation.R_each.mean == pytest.approx((8 / 3 + 3.5 + 2.5) / 3)
    assert evaluation.Len.low < evaluation.Len.mean < evaluation.Len.high
    bare = evaluation.without_leaving_step
    assert (bare.Len.mean, bare.R_traj.mean) == (2, 7)
    assert (bare.R_each.mean, bare.R_each.n) == (3.5, 2)  # the third user left at once


def test_other_metrics(evaluation):
    assert evaluation.coverage == pytest.approx(0.8)
    assert evaluation.cv_turn == pytest.approx(0.5)
    assert evaluation.repeats == pytest.approx(2 / 3)
    assert evaluation.ms_per_decision == 2
    assert evaluation.exit_reasons == {"horizon": 1, "low_rating": 1, "patience": 1}
    assert evaluation.diversity.n == 2
    assert evaluation.env_id == "ilrec/MovieLens-v0"
    assert evaluation.users.tolist() == [11, 12, 13]


def test_two_sessions_of_a_user_count_as_one_user(evaluation, log):
    twice = dataclasses.replace(evaluation, log=dataclasses.replace(log, user_ids=[11, 12, 11]))
    assert twice.R_traj.n == 2
    assert twice.R_traj.mean == pytest.approx(((8 + 2.5) / 2 + 14) / 2)


def test_the_order_of_sessions_changes_no_interval(evaluation, log):
    other = dataclasses.replace(evaluation, log=log.take(np.array([2, 0, 1])))
    assert (other.Len, other.R_each, other.R_traj) == (evaluation.Len, evaluation.R_each, evaluation.R_traj)


def test_everyone_left_at_once(evaluation, log):
    short = dataclasses.replace(evaluation, log=log.take(np.array([2])))
    assert math.isnan(short.without_leaving_step.R_each.mean)
    assert math.isnan(short.diversity.mean)
    assert "R_each without leaving step" not in short.to_markdown()


def test_unknown_metric(evaluation):
    with pytest.raises(UsageError, match="did you mean 'R_traj'"):
        evaluation.per_user("R_trai")


def test_markdown(evaluation):
    text = evaluation.to_markdown()
    assert "| Len | 2.667 | [1.000, 4.000] |" in text
    assert "horizon 1, low_rating 1, patience 1" in text


def test_frames(evaluation):
    frame = evaluation.to_frame()
    assert frame.loc["R_traj", "mean"] == pytest.approx(24.5 / 3)
    sessions = evaluation.sessions_frame()
    assert sessions["R_traj"].tolist() == [8, 14, 2.5]
    assert sessions["exit_reason"].tolist() == ["patience", "horizon", "low_rating"]


def test_frames_without_pandas(evaluation, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"ilrec-gym\[report\]"):
        evaluation.to_frame()


def test_round_trip(evaluation, tmp_path):
    path = tmp_path / "mmr.npz"
    evaluation.save(path, seconds=1.5)
    again = Evaluation.load(path)
    assert again.to_records() == evaluation.to_records()
    for name in ("agent", "env_spec", "split", "seed", "fingerprint", "agent_config"):
        assert getattr(again, name) == getattr(evaluation, name)
    np.testing.assert_array_equal(again.catalogue.item_vectors, evaluation.catalogue.item_vectors)
    card = read_card(path, kind="evaluation")
    assert card["parameters"]["agent"] == "mmr" and card["inputs"] == {"environment": "w1"} and card["seed"] == 7
    assert card["summary"]["R_traj"] == pytest.approx(24.5 / 3, abs=1e-6)


def test_card_of_a_stage(evaluation, tmp_path):
    evaluation.save(tmp_path / "e.npz", parameters={"row": "mmr"}, inputs={"agent": "abc"})
    card = read_card(tmp_path / "e.npz")
    assert (card["parameters"], card["inputs"]) == ({"row": "mmr"}, {"agent": "abc"})


def test_foreign_files(evaluation, log, tmp_path):
    log.save(tmp_path / "log.npz")
    with pytest.raises(ArtefactError, match="kind 'evaluation'"):
        Evaluation.load(tmp_path / "log.npz")
    path = tmp_path / "e.npz"
    evaluation.save(path)
    arrays = read_arrays(path)
    card = read_card(path)
    for about in ('{"format": 0}', "not json", '{"format": 1, "strange": 2}'):
        write_arrays(path, arrays | {"about": np.array(about)})
        _recard(path, card)
        with pytest.raises(ArtefactError, match="evaluation of format 1"):
            Evaluation.load(path)


def _recard(path, card):
    from ilrec_gym.cards import card_path
    from ilrec_gym.files import sha256, write_json

    write_json(card_path(path), card | {"sha256": sha256(path)})


def test_refused(evaluation, log, catalogue):
    with pytest.raises(UsageError, match="at least one session"):
        dataclasses.replace(evaluation, log=log.take(np.array([], int)))
    with pytest.raises(UsageError, match="JSON values"):
        dataclasses.replace(evaluation, agent_config={"x": np.zeros(2)})
    small = CatalogueFacts(catalogue.item_ids[:2], catalogue.popularity[:2], catalogue.item_vectors[:2])
    with pytest.raises(UsageError, match="index below 2"):
        dataclasses.replace(evaluation, catalogue=small)
    with pytest.raises(UsageError, match="same items"):
        CatalogueFacts(catalogue.item_ids, catalogue.popularity[:2], catalogue.item_vectors)


def test_an_empty_log_is_a_log():
    empty = SessionLog([], np.zeros((0, 3)), np.zeros((0, 3)), [], [], [], [])
    assert len(empty) == 0


def test_more_sessions_of_the_same_users_change_no_share(evaluation, log):
    """Coverage, CV_turn and Gini are of one session of each user, so that repeats flatter nobody."""
    twice = dataclasses.replace(evaluation, log=log.take(np.array([2, 0, 1, 1, 0, 2])))
    for name in ("coverage", "cv_turn", "gini"):
        assert getattr(twice, name) == pytest.approx(getattr(evaluation, name)), name
    uneven = dataclasses.replace(evaluation, log=log.take(np.array([0, 1, 1, 2])))
    assert uneven.cv_turn < evaluation.cv_turn, "no rounds to speak of: all sessions together"
