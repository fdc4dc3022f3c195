"""A benchmark's runs: what is done stays done, what fails is told of, and the folder says what it holds."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from ilrec_agents import load_agent
from ilrec_agents.benchmark.report.results import Results
from ilrec_agents.benchmark.runs import playing
from ilrec_agents.benchmark.runs.curves import SEED, read_curve
from ilrec_agents.benchmark.runs.folder import PLAN, Folder
from ilrec_agents.benchmark.runs.memory import Memory
from ilrec_agents.benchmark.runs.plan import Entrant, EnvPlan, Job
from ilrec_agents.benchmark.runs.ray_backend import watched
from ilrec_agents.benchmark.runs.runner import Progress, Runner
from ilrec_agents.benchmark.runs.suites import SUITES, YARDSTICKS, Suite, suite
from ilrec_agents.online.ppo import PPOAgent, PPOConfig
from ilrec_agents.registry import AGENTS, agent_class, list_agents
from ilrec_gym.cards import read_card
from ilrec_gym.errors import ArtefactError, UsageError
from ilrec_gym.evaluation import evaluate
from ilrec_gym.files import write_json

pytest.importorskip("joblib")
pytest.importorskip("d3rlpy")
pytest.importorskip("stable_baselines3")

ENV = EnvPlan("ilrec/MovieLens-Candidates-v0", {"max_steps": 6})
PPO = Entrant("ppo", config={"total_timesteps": 512, "n_envs": 8, "n_steps": 16, "batch_size": 128, "hidden": 8})
BC = Entrant("bc", "popular", {"updates": 20, "hidden": 8})
LOST = Entrant("bc", "logs", label="bc from logs")  # there are no logged choices among candidates: it must fail
SMALL = Suite("small", (PPO, BC, LOST), (ENV,), seeds=2, users=6, repeats=2, data_steps=200, modes=("FB", "NX_3"))


@pytest.fixture(scope="session")
def ran(tmp_path_factory) -> tuple[Path, list]:
    """A benchmark that has ended, and the runs that failed."""
    out = tmp_path_factory.mktemp("benchmark") / "out"
    return out, Runner(out, 1, quiet=True, command="ilrec benchmark").run(SMALL)


@pytest.fixture
def copy(ran, tmp_path) -> Path:
    """A copy to be changed."""
    return Path(shutil.copytree(ran[0], tmp_path / "copy"))


def stamps(out: Path) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in out.glob("runs/*/run.json")}


def test_every_run_is_a_row_with_its_card(ran):
    out, failed = ran
    runs = Folder(out).runs()
    assert [run.job for run in runs] == list(SMALL.jobs) and len(list(out.glob("runs/*"))) == len(runs)
    assert {(run.job.entrant.label, run.job.seed) for run in runs if not run.done} == {
        ("bc from logs", s) for s in (0, 1)
    }
    for run in runs:
        card = read_card(run.path / "run.json", kind="benchmark run")
        assert (card["parameters"], card["seed"]) == (run.job.parameters, run.job.seed)
        assert card["parameters"]["versions"]["numpy"] == np.__version__
    assert {record["label"] for record in failed} == {"bc from logs"}


def test_seeds_and_repeats_are_for_those_who_need_them(ran):
    runs = Folder(ran[0]).runs()
    count = {label: [r for r in runs if r.job.entrant.label == label] for label in ("random", "mmr", "ppo")}
    assert [len(count[label]) for label in ("random", "mmr", "ppo")] == [2, 1, 2]
    assert [count[label][0].evaluation.sessions for label in ("random", "mmr", "ppo")] == [12, 6, 6]
    users = {tuple(run.evaluation.users) for run in runs if run.done}
    assert len(users) == 1 and len(users.pop()) == 6


def test_a_run_says_what_it_cost_and_can_be_used_again(ran):
    run = next(run for run in Folder(ran[0]).runs() if run.job.entrant.label == "ppo")
    record = run.record
    assert record["timesteps"] == 512 and record["training_seconds"] > 0 and record["ms_alone"] > 0
    assert len(run.curve) == 10 and run.curve[-1]["done"] == 512
    assert [point["done"] for point in run.curve] == sorted(point["done"] for point in run.curve)
    env = ENV.make("test")
    again = evaluate(load_agent(run.path / "agent", env), env, seed=0, episodes=6)
    np.testing.assert_array_equal(again.log.items, run.evaluation.log.items)
    assert run.evaluation.R_traj.mean == pytest.approx(record["R_traj"])


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the kernel's account of Linux")
def test_memory_is_that_of_the_run_and_not_of_those_before(ran):
    before = np.ones(40_000_000)  # 320 MB
    del before
    memory = Memory()
    held = np.ones(10_000_000)  # 80 MB
    facts = memory.facts()
    assert 70 <= facts["added_mb"] <= 160 and facts["peak_mb"] > facts["added_mb"] and len(held)
    records = [run.record for run in Folder(ran[0]).runs() if run.done]
    assert all(record["peak_mb"] > record["added_mb"] >= 0 for record in records)


def test_curves_are_measured_on_the_same_train_users(ran):
    env = ENV.make("train")
    for label in ("ppo", "mmr"):  # what has learned last is what is saved
        run = next(run for run in Folder(ran[0]).runs() if run.job.entrant.label == label)
        found = evaluate(load_agent(run.path / "agent", env), env, seed=SEED, episodes=32)
        assert run.curve[-1]["R_traj"] == pytest.approx(found.R_traj.mean)
        assert not set(found.users) & set(run.evaluation.users)


def test_two_seeds_are_two_agents(ran):
    first, second = (run for run in Folder(ran[0]).runs() if run.job.entrant.label == "ppo")
    assert first.curve != second.curve


def test_datasets_are_made_once_and_named_in_the_card(ran):
    assert len(list(ran[0].glob("datasets/*/*/popular.h5"))) == 1
    inputs = [
        read_card(run.path / "run.json")["inputs"]["data"]
        for run in Folder(ran[0]).runs()
        if run.job.entrant.label == "bc"
    ]
    data = next(ran[0].glob("datasets/*/*/popular.h5"))
    assert inputs == [read_card(data)["sha256"]] * 2


def test_a_failed_run_is_told_of(ran):
    run = next(run for run in Folder(ran[0]).runs() if not run.done)
    assert "UsageError" in run.record["reason"] and "\n" not in run.record["reason"]
    assert "Traceback" in (run.path / playing.TRACEBACK).read_text(encoding="utf-8")
    assert not (run.path / "agent").exists()


def test_modes(ran):
    run = next(run for run in Folder(ran[0]).runs() if run.job.entrant.label == "popular")
    exact = run.in_mode("NX_3")
    assert (exact.log.lengths == 3).all() and exact.log.truncated.all()
    np.testing.assert_array_equal(exact.log.items, run.evaluation.log.items[:, :3])
    np.testing.assert_array_equal(
        run.in_mode("FB").log.items, run.evaluation.log.items
    )  # the retriever offers no repeats


def test_repeats_are_allowed_in_mode_fb():
    from ilrec_agents import make_agent
    from ilrec_agents.benchmark.runs.modes import env_of, policy_of

    plan = EnvPlan("ilrec/MovieLens-v0", {"max_steps": 5})
    env = env_of("FB", plan, "test")
    shown = evaluate(policy_of("FB", make_agent("popular", env)), env, episodes=4).log
    assert (shown.items == shown.items[0, 0]).sum() == shown.lengths.sum()


def test_what_is_done_is_not_done_again(copy, ran, monkeypatch):
    before = stamps(copy)
    called = []
    monkeypatch.setattr(
        "ilrec_agents.benchmark.runs.runner.do_for", lambda _, job, out: called.append(job) or _failed(job)
    )
    Runner(copy, 1, quiet=True).run(SMALL)
    assert {job.entrant.label for job in called} == {"bc from logs"}  # failed runs are tried again, no others
    assert stamps(copy) == before


def _failed(job: Job) -> dict:
    return {"key": job.key, "label": job.entrant.label, "env": "", "seed": job.seed, "status": "failed", "reason": "x"}


@pytest.mark.parametrize("harm", ["evaluation.npz", "run.json", "evaluation.npz.card.json", "run.json.card.json"])
def test_a_damaged_run_is_done_again(copy, harm):
    run = next(run for run in Folder(copy).runs() if run.job.entrant.label == "playlist")
    with open(run.path / harm, "r+b") as file:
        file.truncate(40)
    assert Folder(copy).run_of(run.job) is None
    only = replace(SMALL, entrants=(Entrant("playlist"),), seeds=1)
    before = stamps(copy)
    Runner(copy, 1, quiet=True).run(only)
    changed = {key for key, stamp in stamps(copy).items() if before.get(key) != stamp}
    assert run.job.key in changed and Folder(copy).run_of(run.job) is not None


def test_half_a_run_is_removed_and_done(copy):
    job = next(job for job in SMALL.jobs if job.entrant.label == "popular")
    path = copy / "runs" / job.key
    path.rename(path.with_name(f".{path.name}.12345678.tmp"))
    assert Folder(copy).run_of(job) is None
    Runner(copy, 1, quiet=True).run(replace(SMALL, entrants=(Entrant("popular"),), seeds=1))
    assert Folder(copy).run_of(job) is not None
    assert not list((copy / "runs").glob(".*.tmp"))


def test_another_setting_seed_or_version_is_another_run(monkeypatch):
    job = next(job for job in SMALL.jobs if job.entrant.label == "ppo")
    others = [
        replace(job, seed=1), replace(job, users=7), replace(job, device="auto"),
        replace(job, env=EnvPlan(ENV.id, {"max_steps": 7})),
        replace(job, entrant=replace(PPO, config={**PPO.config, "hidden": 9})),
    ]  # fmt: skip
    keys = [job.key, *(other.key for other in others)]
    assert replace(job).key == job.key
    monkeypatch.setattr("ilrec_agents.benchmark.runs.plan.versions", lambda: {"numpy": "1.0"})
    keys.append(replace(job).key)
    assert len(set(keys)) == len(keys)


def test_other_runs_are_left_alone(copy):
    longer = replace(SMALL, entrants=(Entrant("popular"),), users=7)
    Runner(copy, 1, quiet=True).run(longer)
    folder = Folder(copy)
    assert len(folder.others([job.key for job in longer.jobs])) == len(SMALL.jobs)
    assert {run.job.users for run in folder.runs()} == {7}


def without_weights(out: Path, to: Path) -> Path:
    """A copy of the small files alone, as the guide says."""
    return Path(shutil.copytree(out, to, ignore=shutil.ignore_patterns("agent", "datasets", "tensorboard")))


def test_rows_without_weights_are_enough_elsewhere(ran, tmp_path, monkeypatch):
    there = without_weights(ran[0], tmp_path / "elsewhere" / "rows")
    assert not list(there.rglob("*.safetensors")) and not list(there.rglob("*.h5"))
    called = []
    monkeypatch.setattr("ilrec_agents.benchmark.runs.runner.do_for", lambda _, job, out: called.append(job))
    done = replace(SMALL, entrants=(PPO, BC))
    assert Runner(there, 1, quiet=True).run(done) == [] and not called
    before, after = (Results(Folder(out)).records() for out in (ran[0], there))
    assert before == after


def test_runs_of_other_versions_count_where_that_is_asked_for(copy, monkeypatch):
    called = []
    monkeypatch.setattr(
        "ilrec_agents.benchmark.runs.runner.do_for", lambda _, job, out: called.append(job) or _failed(job)
    )
    here = {"python": "4.0", "numpy": "9.9"}
    monkeypatch.setattr("ilrec_agents.benchmark.runs.plan.versions", lambda: here)
    done = replace(SMALL, entrants=(PPO, BC))
    jobs = done.jobs
    table = Results(Folder(copy))  # a report needs no versions to be the same, and says which they were
    assert len(table.records()) == 8 and table.versions["numpy"] == np.__version__
    Runner(copy, 1, quiet=True, any_versions=True).run(done)
    assert not called and len(Folder(copy).runs()) == len(jobs)
    Runner(copy, 1, quiet=True).run(done)
    assert len(called) == len(jobs) and not Folder(copy).runs()


def test_foreign_and_old_folders_are_refused(copy, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match="thesis.tex"):
        Runner(tmp_path / "mine", 1, quiet=True).run(SMALL)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="must be a folder"):
        Folder(tmp_path / "file")
    about = json.loads((copy / PLAN).read_text())
    (copy / PLAN).write_text(json.dumps(about | {"format": 0}))
    with pytest.raises(ArtefactError, match="another version"):
        Folder(copy)
    (copy / PLAN).write_text(json.dumps(about | {"jobs": [{"env": 1}]}))
    with pytest.raises(ArtefactError, match="plan"):
        Results(Folder(copy))
    (copy / PLAN).write_text("{")
    with pytest.raises(ArtefactError, match="JSON"):
        Folder(copy)


def test_one_process_at_a_time(copy):
    with Folder(copy).alone(), pytest.raises(UsageError, match="one benchmark at a time"), Folder(copy).alone():
        pass


def test_suites_name_agents_that_there_are():
    for name in SUITES:
        made = suite(name)
        assert {entrant.agent for entrant in made.entrants} <= AGENTS.keys()
        assert len({job.key for job in made.jobs}) == len(made.jobs)
    assert set(YARDSTICKS) <= AGENTS.keys()
    assert {env.dataset for env in suite("paper").envs} == {"ml-latest-small", "ml-1m"}
    assert {"Candidates" in env.id for env in suite("paper").envs} == {True, False}


def test_suites_can_be_changed():
    made = suite("quick", agents=["bc:medium", "ppo"], envs=["ilrec/MovieLens-v0"], seeds=5, users=0)
    assert [(e.agent, e.data, e.label) for e in made.entrants] == [("bc", "medium", "bc:medium"), ("ppo", "", "ppo")]
    assert (made.seeds, made.users, [env.id for env in made.envs]) == (5, None, ["ilrec/MovieLens-v0"])


def test_one_agent_with_several_settings_and_datasets():
    texts = ["cql", "cql:medium", "cql:alpha=4,hidden=128", "cql:logs,alpha=0.5,network=towers", "ppo:gamma=0.9"]
    made = suite("quick", agents=texts)
    assert [(e.agent, e.data, dict(e.config)) for e in made.entrants] == [
        ("cql", "mixed", {}), ("cql", "medium", {}), ("cql", "mixed", {"alpha": 4, "hidden": 128}),
        ("cql", "logs", {"alpha": 0.5, "network": "towers"}), ("ppo", "", {"gamma": 0.9}),
    ]  # fmt: skip
    assert [e.label for e in made.entrants] == texts
    assert len({job.key for job in made.jobs}) == len(made.jobs)


def test_offline_agents_of_the_suites_learn_from_the_named_dataset():
    for name in SUITES:
        made = suite(name)
        learn = [e for e in made.entrants if agent_class(e.agent).learns_from == "dataset"]
        assert {e.family for e in learn} == {"offline", "model_based"} and {e.data for e in learn} == {"mixed"}
        assert made.data_steps == 100_000
    offline = {info.name for info in list_agents() if info.learns_from == "dataset" and info.package == "ilrec-gym"}
    assert offline == {e.agent for e in suite("paper").entrants if e.data}


def test_sessions_are_repeated_where_chance_is_in_play():
    noisy = {"user_model": {"name": "satiation", "noise": 0.2}}
    made = replace(SMALL, entrants=(Entrant("thompson"), Entrant("linucb")), envs=(ENV, EnvPlan(ENV.id, noisy)))
    repeats = {(job.entrant.label, job.env == ENV): job.repeats for job in made.jobs}
    assert [repeats[name, True] for name in ("thompson", "random", "linucb", "mmr")] == [2, 2, 1, 1]
    assert all(repeats[name, False] == 2 for name in ("thompson", "random", "linucb", "mmr"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "fast"}, "a suite must be one of"),
        ({"agents": ["pppo"]}, "did you mean 'ppo'"),
        ({"agents": ["ppo:mixed"]}, "takes no dataset"),
        ({"agents": ['{"agent": "bc"}']}, "needs the name of a dataset"),
        ({"agents": ["ppo:gama=0.9"]}, "did you mean 'gamma'"),
        ({"agents": ["ppo:gamma=0.9,gamma=0.8"]}, "given once"),
        ({"agents": ["cql:"]}, "NAME:DATASET"),
        ({"agents": ["cql:mixed,alpha"]}, "NAME:DATASET"),
        ({"agents": ["cql:alpha="]}, "NAME:DATASET"),
        ({"agents": ["cql:mixt"]}, "did you mean 'mixed'"),
        ({"agents": ["ppo", "ppo"]}, "label of its own"),
        ({"agents": ['{"agent": "ppo", "config": {"hiden": 3}}']}, "did you mean 'hidden'"),
        ({"agents": ['{"agent": "ppo", "config": {"hidden": 0}}']}, "hidden must be a whole number"),
        ({"agents": ["ppo:batch_size=abc"]}, "batch_size must be a whole number"),
        ({"agents": ['{"agent": ["ppo"]}']}, "an entrant's agent must be a word"),
        ({"agents": ['{"agent": "bc", "data": ["mixed"]}']}, "an entrant's data must be a word"),
        ({"agents": ['{"agent": "ppo", "label": 3}']}, "an entrant's label must be a word"),
        ({"agents": ['{"agent": "ppo", "config": ["hidden"]}']}, "an entrant's config must be names with values"),
        ({"agents": ['{"agent": "ppo", "config": null}']}, "an entrant's config must be names with values"),
        ({"agents": ['{"agent": "ppo"']}, "must be a name or JSON"),
        ({"agents": ['{"config": {}}']}, "must have the key 'agent'"),
        ({"envs": ["ilrec/MovieLens"]}, "did you mean"),
        ({"envs": ['{"id": ["ilrec/MovieLens-v0"]}']}, "an environment's id must be one of"),
        ({"envs": ['{"id": "ilrec/MovieLens-v0", "kwargs": 5}']}, "kwargs of an environment must be names with values"),
        ({"envs": ['{"id": "ilrec/MovieLens-v0", "kwargs": {"split": "all"}}']}, "has no split"),
        ({"envs": ['{"id": "ilrec/MovieLens-v0", "kwarg": {}}']}, "did you mean 'kwargs'"),
        ({"seeds": 0}, "seeds must be a whole number"),
        ({"users": -1}, "users must be a whole number"),
        ({"modes": ["NX_0.5"]}, "a mode must be"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(wrong, message):
    with pytest.raises(UsageError, match=message):
        assert suite(**{"name": "quick", **wrong}).jobs


@pytest.mark.parametrize("device", ["cuda:7", "mps", "xpu", "meta", "gpu"])
def test_a_device_that_is_not_there_is_refused(device, tmp_path):
    with pytest.raises(UsageError, match='--device must be there(.|\n)*use device="auto"'):
        Runner(tmp_path / "out", 1, quiet=True).run(replace(SMALL, device=device))
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match="--backend"):
        Runner(tmp_path, 1, "dask")


def test_records_are_told_of_once_they_are_whole(tmp_path, monkeypatch):
    """While a run that failed is done again, its folder is gone for a moment before the new one is there."""
    monkeypatch.setattr("ilrec_agents.benchmark.runs.ray_backend._LOOK", 0.01)
    again, new = tmp_path / "again" / "run.json", tmp_path / "new" / "run.json"
    write_json(again, {"key": "again", "status": "failed"})
    gone, told = threading.Event(), list[str]()

    def work():
        shutil.rmtree(again.parent)
        write_json(new, {"key": "new", "status": "done"})
        assert gone.wait(10)
        write_json(again, {"key": "again", "status": "done"})
        return [{"key": key, "status": "done"} for key in ("new", "again")]

    for record in watched(work, [again, new]):
        assert record["status"] == "done"
        told.append(record["key"])
        gone.set()
    assert told == ["new", "again"]


def test_time_left_follows_what_runs_took(monkeypatch):
    now = iter([0.0, 10.0])
    monkeypatch.setattr("ilrec_agents.benchmark.runs.runner.time.perf_counter", lambda: next(now))
    jobs = [replace(SMALL.jobs[0], seed=seed) for seed in range(4)]
    progress = Progress(jobs, 1)
    assert progress.seconds == 4  # a second each, says the estimate
    progress.ended(jobs[0].key)
    assert progress.seconds == 30


def test_curve_of_no_file_and_of_a_damaged_one(tmp_path):
    assert read_curve(tmp_path / "none") == []
    (tmp_path / "curve").write_text('{"done": 1}\nnonsense\n')
    with pytest.raises(ArtefactError, match="one point per line"):
        read_curve(tmp_path / "curve")


def test_a_default_that_changes_gives_another_run(monkeypatch):
    job = next(job for job in SMALL.jobs if job.entrant.label == "ppo")
    assert job.parameters["settings"]["gamma"] == PPOConfig().gamma
    before = job.key
    other = replace(job)
    monkeypatch.setattr(PPOAgent, "Config", partial(PPOConfig, gamma=0.123))
    assert other.key != before and other.parameters["entrant"] == job.parameters["entrant"]
