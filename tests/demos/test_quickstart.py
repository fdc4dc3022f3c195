"""The main job end to end, small but real: every stage, nothing done twice, a kill in the middle."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ilrec_demos.pipeline.cli import main

SMALL = ["--demonstrations", "8", "--log-sessions", "60", "--users", "8", "--updates", "20", "--batch-size", "4"]
TEACHER = ["--teacher", "retriever_top1"]


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file with its time of change and its bytes."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV."""
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("quickstart") / "run"
    assert main([*SMALL, *TEACHER, "--out", str(out)]) == 0
    return out


def test_it_ends_with_table_picture_and_page(done):
    rows = table(done / "results.csv")
    assert [row["label"] for row in rows] == [
        "retriever_random", "retriever_top1", "popular", "playlist", "mmr", "retriever_top1 (teacher)", "bc",
        "cql true reward", "cql learned reward", "cql shuffled reward", "cql constant reward", "oracle_one_step",
        "popular (whole)", "playlist (whole)", "mmr (whole)", "oracle_one_step (whole)",
    ]  # fmt: skip
    by_label = {row["label"]: row for row in rows}
    assert {row["users"] for row in rows} == {"8"}
    same = [by_label[label]["R_traj"] for label in ("retriever_top1", "mmr", "retriever_top1 (teacher)", "mmr (whole)")]
    assert len(set(same)) == 1, "live, by rule, by journal, over the whole catalogue: the same"
    assert float(by_label["oracle_one_step"]["R_traj_minus_baseline_low"]) > 0
    assert (done / "results.png").read_bytes().startswith(b"\x89PNG")
    page = (done / "report.html").read_text(encoding="utf-8")
    assert "cql learned reward" in page and not re.search(r"(src|href)=\"https?://[^\"]*\.(js|css)", page)


def test_every_artefact_has_a_card(done):
    without = [
        name
        for name in files(done)
        if name.endswith((".h5", ".npz", "agent.json", "reward.json", "sessions.jsonl"))
        and not (done / f"{name}.card.json").exists()
    ]
    assert not without


def test_what_is_done_is_not_done_again(done, capsys):
    before = files(done)
    assert main([*SMALL, *TEACHER, "--out", str(done)]) == 0
    after = files(done)
    made = (".h5", ".npz", ".json", ".safetensors")
    assert {n: x for n, x in before.items() if n.endswith(made)} == {n: x for n, x in after.items() if n.endswith(made)}
    lines = {n: x[1] for n, x in before.items() if n.endswith(".jsonl")}  # opened to see that they are whole
    assert lines == {n: x[1] for n, x in after.items() if n.endswith(".jsonl")} and len(lines) == 3
    assert capsys.readouterr().out.count("there already") >= 20


def test_a_damaged_dataset_is_made_again_with_what_hangs_on_it(done):
    before = files(done)
    target = done / "relabelled" / "learned.h5"
    target.write_bytes(target.read_bytes()[:1000])
    assert main([*SMALL, *TEACHER, "--out", str(done)]) == 0
    after = files(done)
    assert after["relabelled/learned.h5"][1] == before["relabelled/learned.h5"][1]
    assert after["log.h5"] == before["log.h5"]


def test_an_export_that_did_not_come_to_its_end_is_made_again(done):
    before = files(done)
    (done / "log.card.md").unlink()
    assert main([*SMALL, *TEACHER, "--out", str(done)]) == 0
    after = files(done)
    assert after["log.card.md"][1] == before["log.card.md"][1] and after["log.h5"][1] == before["log.h5"][1]
    assert after["demonstrations.h5"] == before["demonstrations.h5"]


def test_another_teacher_in_the_same_folder_is_refused(done, capsys):
    before = files(done)
    assert main([*SMALL, "--teacher", "popular", "--out", str(done)]) == 2
    assert "can be resumed only with" in capsys.readouterr().err
    assert files(done) == before


def test_killed_and_resumed_it_gives_the_same_files(done, tmp_path):
    """SIGKILL while it works, again and again; then the journals and datasets are those of the undisturbed run."""
    out = tmp_path / "run"
    command = [sys.executable, "-m", "ilrec_demos.pipeline.cli", *SMALL, *TEACHER, "--out", str(out)]
    for seconds in (3.0, 5.0, 7.0):
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert main([*SMALL, *TEACHER, "--out", str(out)]) == 0
    for name in ("demonstrations.h5", "log.h5", "relabelled/shuffled.h5", "agents/cql-learned/weights.safetensors"):
        assert (out / name).read_bytes() == (done / name).read_bytes(), name
    assert without_times(out / "results.csv") == without_times(done / "results.csv")
    assert not list(out.rglob(".*.tmp"))


def without_times(path: Path) -> list[dict[str, str]]:
    """The table, but for what depends on the machine's mood."""
    return [{key: value for key, value in row.items() if key != "ms_per_decision"} for row in table(path)]
