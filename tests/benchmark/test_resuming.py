"""What is done stays done, what is damaged or different is done anew, and the folder says what it holds."""

from __future__ import annotations

import json
import shutil
from dataclasses import make_dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from tiny_benchmark import BC, ENV, PPO, SMALL

from ilrec_agents.benchmark.report.results import Results
from ilrec_agents.benchmark.runs.folder import PLAN, Folder
from ilrec_agents.benchmark.runs.plan import Entrant, EnvPlan, Job
from ilrec_agents.benchmark.runs.runner import Runner
from ilrec_agents.online.ppo import PPOAgent, PPOConfig
from ilrec_gym.cards import card_path
from ilrec_gym.errors import ArtefactError, UsageError
from ilrec_gym.files import read_json, sha256, write_json

pytest.importorskip("joblib")
pytest.importorskip("d3rlpy")
pytest.importorskip("stable_baselines3")


def stamps(out: Path) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in out.glob("runs/*/run.json")}


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


def test_a_default_that_changes_gives_another_run(monkeypatch):
    job = next(job for job in SMALL.jobs if job.entrant.label == "ppo")
    assert job.parameters["settings"]["gamma"] == PPOConfig().gamma
    before = job.key
    other = replace(job)
    monkeypatch.setattr(
        PPOAgent, "Config", make_dataclass("Other", [("gamma", float, 0.123)], bases=(PPOConfig,), frozen=True)
    )
    assert other.key != before and other.parameters["entrant"] == job.parameters["entrant"]


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


def test_what_a_kill_left_is_removed_wherever_it_lies(copy):
    left = [f"runs/.run.{8 * 'a'}.tmp", f".results.md.{8 * 'b'}.tmp", f"datasets/place/policies/.ppo-20.{8 * 'c'}.tmp",
            f"datasets/place/form/.mixed.h5.{8 * 'd'}.tmp"]  # fmt: skip
    for name in left:
        (copy / name / "in it").mkdir(parents=True)
    with Folder(copy).alone():
        assert not [name for name in left if (copy / name).exists()] and (copy / "datasets/place/policies").is_dir()


def test_runs_of_another_world_are_done_again(copy, capsys):
    run = next(run for run in Folder(copy).runs() if run.job.entrant.label == "playlist")
    write_json(run.path / "run.json", {**run.record, "fingerprint": "another"})
    card = read_json(card_path(run.path / "run.json"))
    write_json(card_path(run.path / "run.json"), card | {"sha256": sha256(run.path / "run.json")})
    before = stamps(copy)
    Runner(copy, 1).run(replace(SMALL, entrants=(Entrant("playlist"),), seeds=1))
    changed = [key for key, stamp in stamps(copy).items() if before[key] != stamp]
    assert changed == [run.job.key] and "1 runs are done again" in capsys.readouterr().out


def test_a_kill_during_the_first_plan_leaves_a_folder_to_begin_in(tmp_path):
    (tmp_path / ".lock").write_text("")
    (tmp_path / f".benchmark.json.{8 * 'a'}.tmp").write_text("{")
    with Folder(tmp_path).alone():
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]
