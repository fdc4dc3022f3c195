"""The page: whole by itself, safe with any text, and working in a real browser at both widths."""

import html.parser
import re
import sys

import pytest

from ilrec_agents.benchmark.report import plots, style
from ilrec_agents.benchmark.report.exhibits import Artefact, Picture, ShownSession, ShownStep, shown_session
from ilrec_agents.benchmark.report.page import FIRST_STEPS, Chapter, Page
from ilrec_gym.errors import ArtefactError, MissingExtraError, UsageError

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

ATTACK = "<script>alert(1)</script> (1999)"
TITLES = [ATTACK, '"><img src=x onerror=alert(2)>', *(f"Film & Sequel {i} (19{i})" for i in range(10, 68))]
GENRES = ["Drama, Comedy"] * len(TITLES)


@pytest.fixture(scope="module")
def page(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "llm.npz"
    table.row("llm").evaluation.save(path, seconds=12.5, parameters={"agent": "llm", "prompt": ATTACK})
    user = int(table.row("llm").evaluation.users[3])
    step = ShownStep(ATTACK, ATTACK, 3.5, ATTACK)
    sessions = [shown_session(table.row(name), user, TITLES, GENRES) for name in ("llm", "oracle")]
    return Page(
        title=f"A run {ATTACK}",
        chapters=(
            Chapter(
                table,
                pictures=(Picture(style.png(plots.ladder(table)), "R_traj per row", "Best first."),),
                sessions=(ShownSession("retriever_random", user, (step,), "patience"), *sessions),
                notes=("A sentence of the run's own.",),
            ),
        ),
        lead="What <i>one</i> run gave.",
        artefacts=(Artefact.from_file(path, verify=True),),
        commands=("make quickstart", "echo '<b>' && true " + "x" * 200),
    )


@pytest.fixture(scope="module")
def text(page):
    return page.to_html()


class Outline(html.parser.HTMLParser):
    """Tags, addresses and visible text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset", "action")]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data):
        self.words.append(data)


def test_nothing_but_text_comes_out_of_text(text):
    outline = Outline(text)
    assert outline.tags.count("script") == 1
    assert "<i>one" not in text and "What <i>one</i> run gave." in "".join(outline.words)
    assert ATTACK in "".join(outline.words)
    assert "&lt;script&gt;alert(1)" in text and "<script>alert" not in text and "onerror=alert(2)>" not in text


def test_no_address_leaves_the_page(text):
    assert all(address.startswith("data:") for address in Outline(text).addresses)
    assert "@import" not in text and "url(" not in text
    assert re.search(r"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-", text)


def test_everything_is_on_it(page, text, table):
    words = "".join(Outline(text).words)
    for row in table.rows:
        assert row.label in words and row.note in words
    assert "<b>Fame</b> & boredom." in words
    assert "cql_learned earns more than its teacher llm" in words and "A sentence of the run's own." in words
    assert page.artefacts[0].sha256[:12] in words and "evaluation" in words and "12 s" in words
    assert "make quickstart" in words and page.versions["numpy"] in words
    long = page.chapters[0].sessions[2]
    assert f"{len(long.steps) - FIRST_STEPS} more" in words and f"return {long.total:.1f}" in words


def test_same_page_same_text(page, text):
    assert page.to_html() == text


def test_a_page_of_a_table_alone(table):
    words = "".join(Outline(Page("Bare", (Chapter(table),)).to_html()).words)
    assert "mmr" in words and "Pictures" not in words and "Sessions, side by side" not in words


def test_save(page, text, tmp_path):
    page.save(tmp_path / "out" / "page.html")
    assert (tmp_path / "out" / "page.html").read_text(encoding="utf-8") == text


def test_shown_session(table):
    row = table.row("llm")
    log = row.evaluation.log
    count = int(log.lengths[0])
    shown = shown_session(row, 1, TITLES, GENRES, ["because"] * count)
    assert [step.title for step in shown.steps] == [TITLES[i] for i in log.items[0, :count]]
    assert shown.total == pytest.approx(row.evaluation.per_session("R_traj")[0])
    assert (shown.ending, shown.mark, shown.steps[0].reason) == ("patience", "teacher", "because")
    with pytest.raises(UsageError, match="user that the row met"):
        shown_session(row, 2, TITLES, GENRES)
    with pytest.raises(UsageError, match="one per step"):
        shown_session(row, 1, TITLES, GENRES, ["because"])


def test_pictures_are_png(tmp_path):
    with pytest.raises(ArtefactError, match="must be a PNG"):
        Picture(b"GIF89a", "a cat")
    with pytest.raises(ArtefactError, match="must exist"):
        Picture.from_file(tmp_path / "none.png", "nothing")


def test_without_jinja(table, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"ilrec-gym\[report\]"):
        Page("x", (Chapter(table),)).to_html()
