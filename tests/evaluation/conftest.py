"""Small logs: one worked by hand, and random ones."""

import numpy as np
import pytest

from ilrec_gym.evaluation import CatalogueFacts, Evaluation, SessionLog

NAN = np.nan


@pytest.fixture
def log():
    """Three sessions: left by patience, reached the horizon of 4, left at the first step."""
    return SessionLog(
        user_ids=[11, 12, 13],
        items=[[0, 1, 2, -1], [3, 3, 0, 3], [1, -1, -1, -1]],
        ratings=[[4.0, 3.0, 1.0, NAN], [5.0, 4.0, 3.0, 2.0], [2.5, NAN, NAN, NAN]],
        lengths=[3, 4, 1],
        terminated=[True, False, True],
        truncated=[False, True, False],
        exit_reasons=["patience", "", "low_rating"],
        seconds_per_decision=0.002,
    )


@pytest.fixture
def catalogue():
    """Five items: 0 and 1 alike, 2 at a right angle to them, 3 at 45 degrees, 4 without content."""
    return CatalogueFacts(
        item_ids=[100, 101, 102, 103, 104],
        popularity=[8, 4, 2, 2, 0],
        item_vectors=[[1, 0], [2, 0], [0, 1], [1, 1], [0, 0]],
    )


@pytest.fixture
def evaluation(log, catalogue):
    spec = {"id": "ilrec/MovieLens-v0", "kwargs": {"split": "test"}}
    return Evaluation("mmr", spec, "test", 7, log, catalogue, fingerprint="w1", agent_config={"weight": 0.5})
