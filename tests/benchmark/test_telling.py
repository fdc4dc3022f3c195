"""What language models propose, read and write, told beside what it earns them."""

from __future__ import annotations

import numpy as np
import pytest

from ilrec_agents.benchmark.report import metrics_table
from ilrec_agents.benchmark.report.metrics_table import _share, words
from ilrec_agents.benchmark.report.results import Results
from ilrec_agents.benchmark.report.tables_file import benchmark
from ilrec_agents.benchmark.runs.folder import Folder
from ilrec_agents.benchmark.runs.plan import Entrant, EnvPlan
from ilrec_agents.benchmark.runs.runner import Runner
from ilrec_agents.benchmark.runs.suites import Suite
from ilrec_agents.benchmark.runs.telling import TOLD, Telling
from ilrec_agents.registry import make_agent
from ilrec_gym.evaluation import evaluate

pytest.importorskip("transformers")
pytest.importorskip("joblib")

ENV = EnvPlan("ilrec/MovieLens-Candidates-v0", {"max_steps": 3})
TINY = {"model": "tiny", "encoder": "model", "liked": 3}
WRITES = Entrant("act_only", config={**TINY, "grounding": "free_text"}, label="writes")
CHOOSES = Entrant("act_only", config={**TINY, "grounding": "constrained"}, label="chooses")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("telling") / "out"
    Runner(folder, 1, quiet=True, command="").run(Suite("words", (WRITES, CHOOSES), (ENV,), seeds=1, users=4))
    return Results(Folder(folder))


def test_a_run_tells_the_means_over_its_decisions(found):
    agent, notes = make_agent("act_only", ENV.make("train"), device="cpu", **WRITES.config), []

    class Listening:
        info = agent.info

        def act(self, observations, infos):
            actions = agent.act(observations, infos)
            notes.extend(note for note in agent.explain() if note)
            return actions

    evaluate(Listening(), ENV.make("test"), seed=0, episodes=4)
    (run,) = (run for run in found.envs[0].runs if run.job.entrant.label == "writes")
    for name in TOLD:
        assert run.record[name] == pytest.approx(np.mean([note[name] for note in notes])), name
    assert run.record["outside"] > 0 and run.record["tokens_out"] > 1


def test_the_table_is_of_those_who_use_words(found):
    table = words(found.envs[0].table)
    assert {name for name, _ in table.rows} == {"writes", "chooses"}
    shown = {name: dict(zip(table.columns[1:], cells, strict=True)) for name, cells in table.rows}
    assert shown["chooses"]["outside"] == ("0.0%", 0.0), "only titles of the catalogue can be chosen"
    assert shown["writes"]["outside"][1] > 0
    assert _share(float("nan"))[0] == "–", "an agent may tell of tokens only"
    text = benchmark(found)
    assert "Decisions in words:" in text and "| `writes` |" in text
    records = {record["agent"]: record for record in found.records()}
    assert records["writes"]["tokens_in"] > 0 and records["mmr"]["tokens_in"] is None


def test_a_model_whose_tokens_nobody_counts_has_its_row(found, monkeypatch):
    fact = metrics_table._fact
    monkeypatch.setattr(metrics_table, "_fact", lambda row, n: np.nan if n.startswith("tokens") else fact(row, n))
    table = words(found.envs[0].table)
    shown = {name: dict(zip(table.columns[1:], cells, strict=True)) for name, cells in table.rows}
    assert set(shown) == {"writes", "chooses"} and shown["writes"]["outside"][1] > 0
    assert shown["writes"]["tokens read"][0] == shown["writes"]["tokens written"][0] == "–"


def test_an_agent_that_says_nothing_tells_nothing():
    env = ENV.make("test")
    telling = Telling(make_agent("random", env))
    evaluate(telling, env, episodes=2)
    assert telling.facts == {} and telling.name == "random"
