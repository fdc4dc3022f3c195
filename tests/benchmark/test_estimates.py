"""Off-policy estimates as part of a benchmark: as the study makes them, resumable, and shown beside the truth."""

from __future__ import annotations

import csv
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ilrec_agents import load_agent
from ilrec_agents.benchmark.report.estimates_summary import summary
from ilrec_agents.benchmark.report.results import Results
from ilrec_agents.benchmark.report.tables_file import benchmark
from ilrec_agents.benchmark.report.writing import write_all
from ilrec_agents.benchmark.runs.folder import Folder
from ilrec_agents.benchmark.runs.plan import Entrant, EnvPlan
from ilrec_agents.benchmark.runs.questions import OPEPlan, Question, questions
from ilrec_agents.benchmark.runs.runner import Runner
from ilrec_agents.benchmark.runs.suites import OFFERED, WHOLE, Suite, suite
from ilrec_agents.commands.benchmark import main
from ilrec_agents.offline.dataset import read_hdf5
from ilrec_agents.offline.fqe import FQEConfig
from ilrec_agents.ope import softened, study
from ilrec_agents.ope.stored import from_json, to_json
from ilrec_gym.cards import card_path
from ilrec_gym.errors import UsageError
from ilrec_gym.files import read_json, sha256, write_json

pytest.importorskip("joblib")
pytest.importorskip("d3rlpy")
pytest.importorskip("pyarrow")
pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

ENV = EnvPlan(OFFERED, {"max_steps": 5})
FQE = {"hidden": 8, "start_updates": 5, "iterations": 2, "iteration_updates": 2, "batch_size": 16}
PLAN = OPEPlan(steps=200, epsilon=0.5, horizons=(2, 0), estimators=("wis", "dr"), repeats=2, resamples=20, fqe=FQE)
LINUCB = Entrant("linucb", config={"total_timesteps": 500})
SMALL = Suite("small", (Entrant("retriever_random"), LINUCB), (ENV,), seeds=2, users=4, ope=PLAN)
ASKED = ["random", "popular", "playlist", "mmr", "mmr_ahead", "retriever_random", "linucb"]  # no oracle


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("estimates") / "out"
    assert Runner(folder, 1, quiet=True, command="ilrec benchmark").run(SMALL) == []
    return folder


@pytest.fixture
def copy(out, tmp_path) -> Path:
    return Path(shutil.copytree(out, tmp_path / "copy"))


@pytest.fixture
def called(monkeypatch) -> list:
    """What would be done, in place of doing it."""
    asked: list = []

    def note(_, work, out):
        asked.append(work)
        return {"key": work.key, "label": "", "env": "", "seed": 0, "status": "failed", "reason": "not done"}

    monkeypatch.setattr("ilrec_agents.benchmark.runs.runner.do_for", note)
    return asked


def test_every_agent_without_the_truth_is_judged_once(out):
    answers = Folder(out).answers()
    assert [answer.record["label"] for answer in answers] == ASKED
    assert {answer.record["status"] for answer in answers} == {"done"}
    found = Results(Folder(out)).envs[0].study
    assert list(dict.fromkeys(e.target for e in found.estimates)) == ASKED
    assert {(e.horizon, e.estimator) for e in found.estimates} == {(h, e) for h in (2, 5) for e in ("wis", "dr")}


def test_an_answer_is_what_the_study_says(out):
    run = next(run for run in Folder(out).runs() if run.job.entrant.label == "linucb" and run.job.seed == 0)
    env = ENV.make("train")
    log = read_hdf5(next(out.glob("datasets/*/*/random.h5")))
    expected = study(
        log, {"linucb": softened(load_agent(run.path / "agent", env), epsilon=0.5)}, env, horizons=[2, None],
        estimators=["wis", "dr"], repeats=2, resamples=20, fqe=FQEConfig(**FQE), seed=0, device="cpu",
    )  # fmt: skip
    answer = next(answer for answer in Folder(out).answers() if answer.record["label"] == "linucb")
    said = replace(expected, facts={**expected.facts, "epsilon": 0.5})
    assert answer.study.to_records() == said.to_records()
    assert "chooses uniformly with chance 0.5" in benchmark(Results(Folder(out))), "what was judged"


def test_what_was_answered_is_not_asked_again(copy, called):
    Runner(copy, 1, quiet=True).run(SMALL)
    assert not called
    for path in copy.rglob("agent"):  # nor are weights needed for what is done
        shutil.rmtree(path)
    Runner(copy, 1, quiet=True).run(SMALL)
    assert not called


@pytest.mark.parametrize("harm", ["estimates.json", "estimates.json.card.json"])
def test_a_damaged_answer_is_asked_for_again(copy, called, harm):
    answer = Folder(copy).answers()[1]
    (answer.path / harm).write_text("{")
    Runner(copy, 1, quiet=True).run(SMALL)
    assert [(type(work), work.key) for work in called] == [(Question, answer.path.name)]


def test_other_settings_are_other_questions_and_other_versions_only_where_asked_for(copy, called, monkeypatch):
    Runner(copy, 1, quiet=True).run(replace(SMALL, ope=replace(PLAN, epsilon=0.4)))
    assert len(called) == len(ASKED) and not Folder(copy).answers()
    called.clear()
    for module in ("plan", "questions"):
        monkeypatch.setattr(f"ilrec_agents.benchmark.runs.{module}.versions", lambda: {"python": "4.0"})
    Runner(copy, 1, quiet=True, any_versions=True).run(SMALL)
    assert not called and len(Folder(copy).answers()) == len(ASKED)


def test_without_weights_a_new_question_fails_with_the_reason(copy):
    answer = next(answer for answer in Folder(copy).answers() if answer.record["label"] == "mmr")
    run = next(run for run in Folder(copy).runs() if run.job.entrant.label == "mmr")
    shutil.rmtree(answer.path)
    shutil.rmtree(run.path / "agent")
    (failed,) = Runner(copy, 1, quiet=True).run(SMALL)
    assert failed["label"] == "mmr" and "without what its agents learned" in failed["reason"]
    assert (copy / "estimates" / failed["key"] / "traceback.txt").exists()
    text = write_all(copy)
    assert "A log says nothing of mmr" in text


def test_what_cannot_be_asked_is_told_of_and_not_tried_again(tmp_path):
    suite_ = replace(SMALL, entrants=(Entrant("popular"),), ope=replace(PLAN, estimators=("no",)))
    out = tmp_path / "out"
    assert Runner(out, 1, quiet=True).run(suite_) == []
    answers = Folder(out).answers()
    assert {answer.record["status"] for answer in answers} == {"refused"}
    before = [answer.path.stat().st_mtime_ns for answer in answers]
    Runner(out, 1, quiet=True).run(suite_)
    assert [answer.path.stat().st_mtime_ns for answer in answers] == before
    assert "A log says nothing of popular" in write_all(out)


def test_tables_picture_and_page(out, capsys):
    text = write_all(out)
    (folder,) = (out / "ope").iterdir()
    with open(folder / "ope.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(ASKED) * 4 and (folder / "ope.png").stat().st_size > 10_000
    page = (out / "report.html").read_text(encoding="utf-8")
    for words in ("Off-policy estimates beside the truth", "linucb, 5 steps", "How far estimates from a log are off"):
        assert words in page, words
    assert "| `wis` |" in text and "| estimator | 2 steps | 5 steps |" in text
    assert main(["table", str(out)]) == 0
    assert capsys.readouterr().out == (out / "results.md").read_text(encoding="utf-8")


def test_the_summary_counts_what_is_off():
    common = {"estimator": "wis", "horizon": 3, "truth": 10.0}
    records = [
        {**common, "target": "a", "error": 1.0, "holds": True},
        {**common, "target": "b", "error": -3.0, "holds": False},
        {**common, "target": "c", "error": math.nan, "holds": False},
    ]
    ((name, ((text, error),)),) = summary(records).rows
    assert (name, text) == ("wis", "20.0%, 1 of 3") and error == pytest.approx(20)


def test_a_study_survives_json(out):
    found = Results(Folder(out)).envs[0].study
    first = replace(found.estimates[0], unsupported=math.nan)
    stored = json.loads(json.dumps(to_json(replace(found, estimates=(first,))), allow_nan=False))
    again = from_json(stored)
    assert math.isnan(again.estimates[0].unsupported) and again.logged == found.logged
    assert again.estimates[0].value == first.value


def test_who_was_asked_of_another_log_is_named_and_left_out(copy):
    path = next(path for path in copy.glob("estimates/*/estimates.json") if '"label": "mmr"' in path.read_text())
    record = json.loads(path.read_text())
    record["study"]["sessions"] += 1
    write_json(path, record)
    card = read_json(card_path(path))
    write_json(card_path(path), card | {"sha256": sha256(path)})
    found = Results(Folder(copy)).envs[0]
    assert list(dict.fromkeys(e.target for e in found.study.estimates)) == [name for name in ASKED if name != "mmr"]
    (said,) = found.unanswered
    assert "nothing of mmr" in said and "another log" in said


def test_what_an_earlier_plan_asked_is_not_shown(copy):
    write_all(copy)
    (folder,) = (copy / "ope").iterdir()
    assert "Off-policy estimates" in (copy / "report.html").read_text(encoding="utf-8")
    Folder(copy).plan(replace(SMALL, ope=None), "")
    write_all(copy)
    assert not folder.exists() and "Off-policy estimates" not in (copy / "report.html").read_text(encoding="utf-8")


def test_suites_ask_where_they_are_as_they_were_made(capsys):
    assert suite("quick").ope and suite("paper").ope.steps == 100_000
    assert suite("quick", ope=False).ope is None and suite("quick", agents=["ppo"]).ope is None
    assert suite("quick", agents=["ppo"], ope=True).ope == suite("quick").ope
    with pytest.raises(UsageError, match="items on offer"):
        suite("quick", envs=[WHOLE], ope=True)
    with pytest.raises(UsageError, match="chance of every action"):
        OPEPlan(data="logs")
    paper = suite("paper")
    asked = questions(paper.ope, paper.jobs, [job.key for job in paper.jobs])
    assert {each.job.env.offers for each in asked} == {True} and len({each.key for each in asked}) == len(asked)
    assert main(["--suite", "quick", "--list"]) == 0 and "Judged by a log" in capsys.readouterr().out
    assert main(["--suite", "quick", "--no-ope", "--list"]) == 0 and "Judged by a log" not in capsys.readouterr().out
