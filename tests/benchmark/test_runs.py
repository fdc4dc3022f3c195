"""A benchmark's runs: a row and a card each, what they cost, and what is told of those that failed."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_benchmark import ENV, PPO, SMALL

from ilrec_agents import load_agent
from ilrec_agents.benchmark.runs import playing
from ilrec_agents.benchmark.runs.curves import SEED, read_curve
from ilrec_agents.benchmark.runs.folder import Folder
from ilrec_agents.benchmark.runs.memory import Memory
from ilrec_agents.benchmark.runs.plan import EnvPlan
from ilrec_agents.benchmark.runs.ray_backend import watched
from ilrec_agents.benchmark.runs.runner import Progress, Runner
from ilrec_gym.cards import read_card
from ilrec_gym.errors import ArtefactError, UsageError
from ilrec_gym.evaluation import evaluate
from ilrec_gym.files import write_json

pytest.importorskip("joblib")
pytest.importorskip("d3rlpy")
pytest.importorskip("stable_baselines3")


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


def test_a_mode_that_cannot_be_played_is_refused_before_anything_is_learned(tmp_path, monkeypatch):
    learned = []
    monkeypatch.setattr(playing, "_learned", lambda *_: learned.append(1) or {})
    there = EnvPlan(ENV.id, {"max_steps": 6, "user_model": "hazard"})
    one = replace(SMALL, entrants=(PPO,), envs=(there,), seeds=1, modes=("NX_3",))
    failed = Runner(tmp_path / "out", 1, quiet=True).run(one)
    assert "ppo" in {record["label"] for record in failed} and not learned
    assert all("'satiation'" in record["reason"] for record in failed)


def test_repeats_are_allowed_in_mode_fb():
    from ilrec_agents import make_agent
    from ilrec_agents.benchmark.runs.modes import env_of, policy_of

    plan = EnvPlan("ilrec/MovieLens-v0", {"max_steps": 5})
    env = env_of("FB", plan, "test")
    shown = evaluate(policy_of("FB", make_agent("popular", env)), env, episodes=4).log
    assert (shown.items == shown.items[0, 0]).sum() == shown.lengths.sum()


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
