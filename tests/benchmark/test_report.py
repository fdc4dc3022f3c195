"""What a benchmark writes for readers: tables that agree with the runs, pictures, and a page."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ilrec_agents.benchmark.report import run_plots
from ilrec_agents.benchmark.report.pooled import Pooled, difference
from ilrec_agents.benchmark.report.results import Results
from ilrec_agents.benchmark.report.tables_file import benchmark
from ilrec_agents.benchmark.report.writing import write_all
from ilrec_agents.benchmark.runs.folder import Folder
from ilrec_agents.benchmark.runs.plan import Entrant, EnvPlan
from ilrec_agents.benchmark.runs.runner import Runner
from ilrec_agents.benchmark.runs.suites import Suite
from ilrec_agents.commands.benchmark import main
from ilrec_gym.cards import write_card
from ilrec_gym.errors import ArtefactError, UsageError
from ilrec_gym.evaluation.over_seeds import difference_over_seeds, mean_over_seeds

pandas = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")
pytest.importorskip("joblib")

ENVS = (
    EnvPlan("ilrec/MovieLens-Candidates-v0", {"max_steps": 8}),
    EnvPlan("ilrec/MovieLens-v0", {"max_steps": 8}),
)
LOST = Entrant("bc", "logs", {"updates": 1, "hidden": 8})
PPO = Entrant("ppo", config={"total_timesteps": 256, "n_envs": 8, "n_steps": 16, "batch_size": 128, "hidden": 8})
RULES = Suite("rules", (Entrant("random_masked"), PPO, LOST), (ENVS[0],), seeds=2, users=6, repeats=2, modes=("NX_3",))


@pytest.fixture(scope="session")
def out(tmp_path_factory) -> Path:
    """A benchmark with its report."""
    pytest.importorskip("stable_baselines3")
    folder = tmp_path_factory.mktemp("report") / "out"
    Runner(folder, 1, quiet=True, command=f"ilrec benchmark --suite rules --out {folder}").run(RULES)
    write_all(folder)
    return folder


@pytest.fixture(scope="session")
def results(out) -> Results:
    return Results(Folder(out))


def test_one_row_per_run_and_one_per_agent(out):
    runs, agents = (pandas.read_parquet(out / f"{name}.parquet") for name in ("runs", "results"))
    assert len(runs) == len(RULES.jobs) and runs["key"].is_unique
    assert sorted(agents["agent"]) == sorted({job.entrant.label for job in RULES.jobs} - {"bc"})
    assert set(runs[runs["status"] == "failed"]["agent"]) == {"bc"}
    with open(out / "runs.csv", encoding="utf-8", newline="") as file:
        assert [row["key"] for row in csv.DictReader(file)] == list(runs["key"])
    by_seed = runs[runs["agent"] == "random_masked"].groupby("agent")["R_traj"].mean()
    row = agents.set_index("agent").loc["random_masked"]
    assert row["R_traj"] == pytest.approx(by_seed.iloc[0])
    for name in ("Len", "R_each", "Len_without_leaving_step", "coverage", "cv_turn", "mcd", "gini", "diversity",
                 "novelty", "repeats", "ms_per_decision", "ms_alone", "training_seconds"):  # fmt: skip
        assert np.isfinite(row[name]), name
    assert row["R_traj_minus_mmr"] == pytest.approx(row["R_traj"] - agents.set_index("agent").loc["mmr"]["R_traj"])
    assert runs["exit_horizon"].max() <= 1 and "R_traj_NX_3" in runs


def test_scores_lie_between_random_and_the_oracle(results):
    records = {record["agent"]: record for record in results.records()}
    assert records["random"]["score"] == pytest.approx(0) and records["oracle_one_step"]["score"] == pytest.approx(100)


def test_intervals_rest_on_seeds_and_users(results):
    row = results.envs[0].table.row("random_masked")
    runs = row.evaluation.runs
    assert isinstance(row.evaluation, Pooled) and row.evaluation.seeds == 2 and row.evaluation.sessions == 2 * 2 * 6
    x = row.evaluation.per_seed("R_traj")
    assert x.values.shape == (2, 6)
    for seed, run in enumerate(runs):
        for user, value in zip(x.user_ids, x.values[seed], strict=True):  # averaged within the user first
            assert value == pytest.approx(run.per_session("R_traj")[run.log.user_ids == user].mean())
    assert row.evaluation.R_traj == mean_over_seeds(x)
    base = results.envs[0].table.row("mmr").evaluation
    expected = difference_over_seeds(x, base.per_seed("R_traj"))
    assert results.envs[0].table.differences["random_masked"] == expected == difference(row.evaluation, base)
    assert row.evaluation.coverage == pytest.approx(np.mean([run.coverage for run in runs]))


def test_runs_of_two_worlds_are_not_pooled(results, make_evaluation):
    run = results.envs[0].table.rows[0].evaluation.runs[0]
    with pytest.raises(UsageError, match="one environment"):
        Pooled.of([run, make_evaluation("a")])
    with pytest.raises(UsageError, match="same users"):
        Pooled.of([make_evaluation("a"), make_evaluation("b", users=39)])
    with pytest.raises(UsageError, match="at least one run"):
        Pooled.of([])


def test_markdown(out, results, capsys):
    text = (out / "results.md").read_text(encoding="utf-8")
    assert main(["table", str(out)]) == 0 and capsys.readouterr().out == text == benchmark(results)
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    returns = [float(line.split("|")[2].split()[0]) for line in lines]
    assert returns == sorted(returns, reverse=True) and lines[0].startswith("| `oracle_one_step` (sees truth)")
    assert "over training seeds and users" in text and "- bc failed in ml-latest-small" in text
    assert "| agent | R_traj | score | IQM | R_traj − `mmr` | R_traj − `mmr_ahead` | P(> mmr) |" in text
    scores = {line.split("`")[1]: line.split("|")[3].strip() for line in lines}
    assert scores["random"] == "0.0" and scores["oracle_one_step"] == "100.0" and 0 < float(scores["mmr"]) < 100


def test_pictures_and_page(out):
    folder = next((out / "pictures").iterdir())
    names = {path.stem for path in folder.glob("*.png")}
    assert names == {"returns", "length_and_rating", "learning_curves", "profiles"}, "no endings where all are alike"
    page = (out / "report.html").read_text(encoding="utf-8")
    for words in ("bc failed in", "Other modes of evaluation", "Without the leaving step", "Sessions, side by side",
                  "ilrec benchmark --suite rules --out out\n", "ms per decision, alone"):  # fmt: skip
        assert words in page, words
    assert page.count("<img ") == 4 and page.count("<script>") == 1


def test_endings_are_shares_of_all_sessions(results):
    table = results.envs[0].table
    (axes,) = run_plots.endings(table).axes
    reasons = {reason for row in table.rows for reason in row.evaluation.exit_reasons}
    assert len(axes.patches) == len(reasons) * len(table.rows)
    assert sum(bar.get_width() for bar in axes.patches) == pytest.approx(100 * len(table.rows))


def test_learning_curves_show_every_seed(results):
    env = results.envs[0]
    assert set(env.curves) == {"ppo"} and set(env.references) == {"mmr", "playlist"}
    figure = run_plots.learning_curves(env.table, env.curves, env.references)
    drawn = [line.get_ydata() for line in figure.axes[0].lines]
    for points in env.curves["ppo"]:
        assert any(np.array_equal(values, [point["R_traj"] for point in points]) for values in drawn)
    for value in env.references.values():
        assert any(np.allclose(values, value) for values in drawn)


def test_profiles_are_those_of_the_runs(results):
    table = results.envs[0].table
    low, high = (table.row(name).evaluation.per_user("R_traj") for name in ("random", "oracle_one_step"))
    found = table.row("mmr").evaluation.profile(np.array([0.5]), low, high)
    middle = (low.values.mean() + high.values.mean()) / 2
    assert found.share[0] == pytest.approx((table.row("mmr").evaluation.per_user("R_traj").values > middle).mean())


def test_learning_curves_reach_tensorboard(out):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = next(run for run in Folder(out).runs() if run.job.entrant.label == "ppo")
    events = EventAccumulator(str(out / "tensorboard" / run.job.key)).Reload()
    found = [(event.step, event.value) for event in events.Scalars("train_users/R_traj")]
    assert found == [(point["done"], pytest.approx(point["R_traj"], rel=1e-6)) for point in run.curve]
    assert {"history/return", "history/length"} <= set(events.Tags()["scalars"])


def test_estimates_are_shown_where_there_are_some(out, tmp_path):
    copy = Path(shutil.copytree(out, tmp_path / "copy"))
    folder = copy / "ope" / next((copy / "pictures").iterdir()).name
    folder.mkdir(parents=True)
    heads = "target,horizon,estimator,estimate,low,high,truth,error,holds,effective_sessions\n"
    (folder / "ope.csv").write_text(heads + "bc,5,dr,20.5,19,22,21,-0.5,True,31.4\nbc,5,is,,,,21,,False,0.1\n")
    with pytest.raises(ArtefactError, match="must exist"):
        write_all(copy)
    write_card(folder / "ope.csv", kind="off_policy_evaluation", parameters={})
    write_all(copy)
    page = (copy / "report.html").read_text(encoding="utf-8")
    assert "Off-policy estimates" in page and "bc, 5 steps" in page and "[19.0, 22.0]" in page and "✓ 20.5" in page


def test_a_folder_without_results(tmp_path, capsys):
    assert main(["table", str(tmp_path)]) == 2 and "benchmark.json" in capsys.readouterr().err
    Folder(tmp_path).plan(RULES, "")
    assert main(["report", str(tmp_path)]) == 2 and "runs that ended well" in capsys.readouterr().err


def test_two_environments_make_two_chapters(tmp_path):
    two = replace(RULES, entrants=(Entrant("greedy"),), envs=ENVS, seeds=1, modes=())
    Runner(tmp_path / "out", 1, quiet=True).run(two)
    text = write_all(tmp_path / "out")
    assert text.count("### ml-latest-small") == 2
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count('class="chapter"') == 2 and 'href="#chapter-2"' in page


def test_the_plan_is_shown_and_nothing_runs(tmp_path, capsys):
    asked = ["--suite", "quick", "--agents", "cql", "ppo", "--seeds", "2", "--out", str(tmp_path / "out"), "--list"]
    assert main(asked) == 0
    said = capsys.readouterr().out
    assert "cql" in said and "from mixed" in said and "2 x" in said and "about" in said
    assert not (tmp_path / "out").exists()


def test_the_command_says_what_failed(tmp_path, capsys):
    env = json.dumps({"id": ENVS[0].id, "kwargs": {"max_steps": 3}})
    asked = ["--agents", "bc:logs", "--envs", env, "--users", "3", "--seeds", "1", "--jobs", "1"]
    assert main([*asked, "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert "FAILED bc:logs (seed 0)" in said.err and "traceback.txt" in said.err and "`mmr`" in said.out
    assert main(["--suite", "fast"]) == 2 and main(["--agents", "pppo", "--list"]) == 2


def test_one_run_is_said_to_be_one(out, tmp_path):
    copy = Path(shutil.copytree(out, tmp_path / "copy"))
    Folder(copy).plan(replace(RULES, seeds=1), "")
    assert "over users alone: with one run of each agent" in benchmark(Results(Folder(copy)))
    gone = next(run.path for run in Folder(out).runs() if run.job.entrant.label == "ppo" and run.job.seed == 1)
    Folder(copy).plan(RULES, "")
    shutil.rmtree(copy / "runs" / gone.name)
    found = Results(Folder(copy))
    assert found.envs[0].table.single == ["ppo"] and "and so of one run, for ppo." in benchmark(found)
    assert found.gaps == "1 runs of the plan are not done yet." and found.gaps in benchmark(found)
    assert "over users alone" not in benchmark(Results(Folder(out)))


def test_an_environment_without_any_result_is_told_of(tmp_path):
    only = replace(RULES, entrants=(LOST,), seeds=1, modes=())
    played = replace(RULES, entrants=(Entrant("popular"),), seeds=1, modes=())
    Runner(tmp_path, 1, quiet=True).run(only)
    Runner(tmp_path, 1, quiet=True).run(replace(played, envs=(ENVS[1],)))
    jobs = [job for job in only.jobs if job.entrant.label == "bc"]
    jobs += [job for job in replace(played, envs=(ENVS[1],)).jobs if job.entrant.label == "popular"]

    class Both:
        name, about, jobs = "both", "", ()

    both = Both()
    both.jobs = tuple(jobs)
    Folder(tmp_path).plan(both, "")
    found = Results(Folder(tmp_path))
    assert [env.env for env in found.envs] == [ENVS[1]] and [env.env for env in found.lost] == [ENVS[0]]
    assert {record["status"] for record in found.run_records()} == {"done", "failed"}
    assert "bc failed in" in benchmark(found)
    write_all(tmp_path)
    assert "bc failed in" in (tmp_path / "report.html").read_text(encoding="utf-8")
