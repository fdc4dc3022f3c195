"""The table compares like with like, and writes the same text every time."""

import csv
import dataclasses
import io
import re

import numpy as np
import pytest

from ilrec_agents.benchmark.report import ResultsTable, Row
from ilrec_agents.benchmark.report.exhibits import PlainTable
from ilrec_agents.benchmark.report.findings import findings
from ilrec_agents.benchmark.report.numbers import duration, milliseconds, number, plain, significant, with_interval
from ilrec_gym.errors import UsageError
from ilrec_gym.evaluation import Interval


def test_differences_are_paired_with_the_baseline(table):
    assert table.differences["retriever_random"] is None
    a = table.row("cql_learned").evaluation.per_session("R_traj")
    b = table.row("retriever_random").evaluation.per_session("R_traj")
    difference = table.differences["cql_learned"]
    assert difference.mean == pytest.approx((a - b).mean())
    assert difference.verdict == "above"
    assert table.differences["popular"].verdict == "below"
    assert table.difference("popular", "popular").mean == 0
    assert table.difference("cql_learned", "cql_constant", "Len").verdict == "above"


def test_records_hold_every_column(table):
    record = table.to_records()[2]
    result = table.row("cql_learned").evaluation
    assert (record["label"], record["group"], record["marks"]) == ("cql_learned", "offered 20", "student")
    for name in ("Len", "R_each", "R_traj"):
        value = getattr(result, name)
        assert (record[name], record[f"{name}_low"], record[f"{name}_high"]) == (value.mean, value.low, value.high)
        assert record[f"{name}_without_leaving_step"] == getattr(result.without_leaving_step, name).mean
    assert record["R_traj_minus_baseline"] == table.differences["cql_learned"].mean
    assert table.to_records()[0]["R_traj_minus_baseline"] is None
    assert (record["sessions"], record["users"], record["ms_per_decision"]) == (40, 40, pytest.approx(0.04))


def test_csv_reads_back(table):
    rows = list(csv.DictReader(io.StringIO(table.to_csv())))
    assert [row["label"] for row in rows] == [row.label for row in table.rows]
    assert float(rows[4]["R_traj"]) == pytest.approx(table.row("oracle").evaluation.R_traj.mean, rel=1e-5)
    assert rows[0]["R_traj_minus_baseline_low"] == ""
    assert "\r" not in table.to_csv()


def test_markdown(table):
    text = table.to_markdown()
    lines = text.splitlines()
    columns = lines[0].count("|")
    assert all(line.count("|") == columns for line in lines if line.startswith("|"))
    assert re.search(r"\| `llm` \(teacher\) \| [\d.]+ \[[\d.]+, [\d.]+\] \|.* ≈ .* 480 \| 40 \|", text)
    assert "| *whole catalogue* |" in text
    assert "- `cql_learned`: The learned reward." in text
    assert "*control*" in text and "Mean over 40 users" in text
    assert text == table.to_markdown()


def test_labels_with_a_bar_stay_in_their_cell(table):
    baseline, row, *_ = table.rows
    assert "| `a\\|b` (teacher) |" in ResultsTable((baseline, dataclasses.replace(row, label="a|b"))).to_markdown()
    more = PlainTable("More", ("agent", "x"), (("a|b", (("1", 1.0),)),)).to_markdown()
    assert "| `a\\|b` | 1 |" in more


def test_one_group_needs_no_heading(table):
    assert "*offered 20*" not in ResultsTable(table.rows[:3]).to_markdown()


def test_save(table, tmp_path):
    markdown, data = table.save(tmp_path / "new")
    assert markdown.read_text(encoding="utf-8") == table.to_markdown()
    assert data.read_text(encoding="utf-8") == table.to_csv()


def test_other_users_are_refused(table, make_evaluation):
    with pytest.raises(UsageError, match="same users.*\n.*'retriever_random'.*'few'"):
        ResultsTable((*table.rows, Row("few", make_evaluation("a", users=39), "offered 20")))


def test_another_world_is_refused(table, make_evaluation, catalogue):
    with pytest.raises(UsageError, match=r"same simulated world.*\n.*fingerprint"):
        ResultsTable((*table.rows, Row("x", make_evaluation("a", fingerprint="other"), "offered 20")))
    with pytest.raises(UsageError, match=r"same simulated world.*\n.*fingerprint"):
        ResultsTable((*table.rows, Row("x", make_evaluation("a", fingerprint="other"), "whole catalogue")))
    other = dataclasses.replace(catalogue, item_ids=catalogue.item_ids + 1)
    with pytest.raises(UsageError, match=r"same simulated world.*\n.*items"):
        ResultsTable((*table.rows, Row("x", make_evaluation("a", catalogue=other), "elsewhere")))
    short = dataclasses.replace(make_evaluation("a"), env_spec={"id": "e", "kwargs": {"max_steps": 10}})
    with pytest.raises(UsageError, match=r"same simulated world.*\n.*max_steps"):
        ResultsTable((*table.rows, Row("x", short, "elsewhere")))
    assert ResultsTable((*table.rows, Row("x", make_evaluation("a", fingerprint="other"), "another action set")))


def test_labels_baseline_and_marks_are_checked(table):
    with pytest.raises(UsageError, match="own label"):
        ResultsTable((*table.rows, table.rows[0]))
    with pytest.raises(UsageError, match="own label"):
        ResultsTable(())
    with pytest.raises(UsageError, match="did you mean 'retriever_random'"):
        ResultsTable(table.rows, baseline="retriver_random")
    with pytest.raises(UsageError, match="did you mean 'teacher'"):
        dataclasses.replace(table.rows[0], marks=("techer",))


def test_findings_say_what_the_marks_ask(table):
    said = findings(table)
    assert said[0].startswith("llm cannot be told apart from retriever_random: ")
    assert said[1].startswith("cql_learned earns more than its teacher llm: +")
    assert said[2].startswith("cql_learned earns more than the strongest control cql_constant: +")
    assert said[3].startswith("mmr earns less than what seeing the truth gives, oracle: −")
    assert len(said) == 4
    assert findings(ResultsTable(table.rows[:1])) == []


def test_numbers():
    assert number(-0.04, 1) == "0.0" and number(-1.25, 2) == "−1.25" and number(1, 1, signed=True) == "+1.0"
    assert number(0.001, 1, signed=True) == "0.0" and number(None, 1) == number(np.nan, 1) == "–"
    assert [significant(x) for x in (480.4, 12.34, 0.02, 0.0123, 0.0)] == ["480", "12", "0.020", "0.012", "0"]
    assert [milliseconds(x) for x in (0.0003, 0.0, 0.01, 12.34, np.nan)] == ["< 0.01", "0", "0.010", "12", "–"]
    assert with_interval(Interval(1.0, np.nan, np.nan), 1) == "1.0"
    assert with_interval(Interval(-1.0, -2.0, 0.5), 1, signed=True) == "−1.0 [−2.0, +0.5]"
    assert (plain(None), plain(1 / 3), plain(1234567.0), plain("a"), plain(3)) == (
        "",
        "0.333333",
        "1.23457e+06",
        "a",
        "3",
    )


def test_times():
    said = [duration(seconds) for seconds in (0.34, 12.4, 89, 95, 5340, 7300)]
    assert said == ["0.3 s", "12 s", "89 s", "2 min", "89 min", "2 h 02 min"]
