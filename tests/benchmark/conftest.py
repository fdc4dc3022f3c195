"""A table of plausible rows over the same users, and a small benchmark that has ended."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny_benchmark import SMALL

from ilrec_agents.benchmark.report import ResultsTable, Row
from ilrec_agents.benchmark.runs.runner import Runner
from ilrec_gym.evaluation import CatalogueFacts, Evaluation, SessionLog

USERS, ITEMS, HORIZON = 40, 60, 30


@pytest.fixture(scope="session")
def catalogue():
    rng = np.random.default_rng(0)
    return CatalogueFacts(np.arange(ITEMS) + 500, rng.integers(1, 99, ITEMS), rng.random((ITEMS, 5)))


@pytest.fixture(scope="session")
def make_evaluation(catalogue):
    """A function that plays a row: sessions of about ``length`` steps rated about ``rating``."""

    def make(name, length=12.0, rating=3.0, ms=1.0, env_id="ilrec/MovieLens-Candidates-v0", users=USERS, **more):
        rng = np.random.default_rng(1)
        taste = rng.normal(0, 3, users)
        noise = np.random.default_rng(sum(map(ord, name)))
        lengths = np.clip(np.round(length + taste + noise.normal(0, 1, users)), 1, HORIZON).astype(int)
        there = np.arange(HORIZON) < lengths[:, None]
        left = lengths < HORIZON
        log = SessionLog(
            user_ids=np.arange(users) * 3 + 1,
            items=np.where(there, noise.integers(0, ITEMS, there.shape), -1),
            ratings=np.where(there, np.clip(rating + noise.normal(0, 0.5, there.shape), 0.5, 5), np.nan),
            lengths=lengths,
            terminated=left,
            truncated=~left,
            exit_reasons=np.where(left, "patience", ""),
            seconds_per_decision=ms / 1000,
        )
        facts = {"fingerprint": env_id, "catalogue": catalogue} | more
        return Evaluation(name, {"id": env_id, "kwargs": {"max_steps": HORIZON}}, "test", 0, log, **facts)

    return make


@pytest.fixture(scope="session")
def table(make_evaluation):
    full = "ilrec/MovieLens-v0"
    rows = [
        Row("retriever_random", make_evaluation("a"), "offered 20", note="Chance among what is offered."),
        Row("llm", make_evaluation("b", 11.4, ms=480), "offered 20", "teacher", "A model without training."),
        Row("cql_learned", make_evaluation("c", 15, 3.2, ms=0.04), "offered 20", ("student",), "The learned reward."),
        Row("cql_constant", make_evaluation("d", 12.1), "offered 20", ("control",), "No information."),
        Row("oracle", make_evaluation("e", 22, 3.8), "offered 20", ("sees truth",)),
        Row("popular", make_evaluation("f", 4, 2.5, env_id=full), "whole catalogue", note="<b>Fame</b> & boredom."),
        Row("mmr", make_evaluation("g", 16, 3.3, env_id=full), "whole catalogue"),
    ]
    return ResultsTable(tuple(rows))


@pytest.fixture(scope="session")
def ran(tmp_path_factory) -> tuple[Path, list]:
    """A benchmark that has ended, and the runs that failed."""
    out = tmp_path_factory.mktemp("benchmark") / "out"
    return out, Runner(out, 1, quiet=True, command="ilrec benchmark").run(SMALL)


@pytest.fixture
def copy(ran, tmp_path) -> Path:
    """A copy to be changed."""
    return Path(shutil.copytree(ran[0], tmp_path / "copy"))
