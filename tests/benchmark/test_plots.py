"""Pictures show every row, leave matplotlib's global state alone, and come out the same twice."""

import subprocess
import sys

import numpy as np
import pytest

from ilrec_agents.benchmark.report import ResultsTable, plots, style
from ilrec_agents.benchmark.report.style import COLOURS
from ilrec_gym.errors import MissingExtraError

pytest.importorskip("matplotlib")
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def texts(figure):
    figure.draw_without_rendering()
    names = {text.get_text() for axes in figure.axes for text in [*axes.texts, *axes.get_yticklabels()]}
    legends = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return names | set(legends)


def test_ladder(table):
    figure = plots.ladder(table)
    assert {row.label for row in table.rows} <= texts(figure)
    assert {"offered 20", "whole catalogue", "teacher", "student", "control", "sees truth", "baseline"} <= texts(figure)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names[0] == "oracle" and names[-1] == "popular"  # best first within each group
    lines = figure.axes[0].lines
    assert any(np.allclose(line.get_xdata(), table.row("llm").evaluation.R_traj.mean) for line in lines)


def test_a_difference_that_is_not_separated_is_hollow(table):
    right = plots.ladder(table).axes[1]
    faces = {line.get_markerfacecolor() for line in right.lines if line.get_color() == COLOURS["teacher"]}
    assert "white" in faces
    faces = {line.get_markerfacecolor() for line in right.lines if line.get_color() == COLOURS["student"]}
    assert "white" not in faces


def test_length_and_rating(table):
    figure = plots.length_and_rating(table)
    assert {row.label for row in table.rows} <= texts(figure)
    assert {"equal return", "hollow: whole catalogue"} <= texts(figure)
    curves = [line for line in figure.axes[0].lines if line.get_color() == plots.ISOLINE["color"]]
    assert curves
    for curve in curves:
        product = curve.get_xdata() * curve.get_ydata()
        assert np.allclose(product, product[0])


def test_labels_do_not_cover_each_other(table):
    figure = plots.length_and_rating(table)
    png = style.png(figure)  # settles the layout
    assert png
    axes = figure.axes[0]
    boxes = [text.get_window_extent() for text in axes.texts if text.get_text() in {row.label for row in table.rows}]
    assert len(boxes) == len(table.rows)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_along_the_session(table):
    figure = plots.along_the_session(table, ["llm", "mmr"])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["llm", "mmr"]
    survival = figure.axes[1].lines[0].get_ydata()
    assert survival[0] == 100 and (np.diff(survival) <= 0).all()
    unsmoothed = plots.along_the_session(table, ["llm"], window=1, least=0.5).axes[0].lines[0]
    log = table.row("llm").evaluation.log
    assert unsmoothed.get_ydata()[0] == pytest.approx(log.ratings[:, 0].mean())


def test_a_window_longer_than_the_session(table):
    line = plots.along_the_session(table, ["llm"], window=61, least=0).axes[0].lines[0]
    assert len(line.get_ydata()) == table.row("llm").evaluation.log.items.shape[1]


def test_telling_rows(table):
    chosen = [row.label for row in plots.telling_rows(table, limit=6)]
    assert chosen == ["retriever_random", "llm", "cql_learned", "cql_constant", "oracle", "mmr"]


@pytest.mark.parametrize("draw", [plots.ladder, plots.length_and_rating, plots.along_the_session])
def test_same_table_same_bytes(table, draw, tmp_path):
    style.save_png(draw(table), tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    assert data.startswith(SIGNATURE)
    assert data == style.png(draw(table))


@pytest.mark.parametrize("draw", [plots.ladder, plots.length_and_rating, plots.along_the_session])
def test_a_table_of_one_user_and_of_one_row(table, draw, make_evaluation):
    assert style.png(draw(ResultsTable(table.rows[:1])))
    rows = [
        row.__class__(row.label, make_evaluation(row.label, users=1), row.group, row.marks) for row in table.rows[:3]
    ]
    assert style.png(draw(ResultsTable(tuple(rows))))


def test_global_state_is_left_alone(table):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    style.png(plots.ladder(table))
    assert dict(mpl.rcParams) == before
    code = "import sys; from ilrec_agents.benchmark.report import plots, page; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_without_matplotlib(table, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"ilrec-gym\[report\]"):
        plots.ladder(table)
