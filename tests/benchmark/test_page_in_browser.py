"""The page in headless Chromium."""

import shutil

import pytest

from ilrec_agents.benchmark.report import ResultsTable, Row, plots, style
from ilrec_agents.benchmark.report.exhibits import Artefact, Picture, PlainTable, ShownSession, ShownStep
from ilrec_agents.benchmark.report.page import Chapter, Page
from ilrec_agents.benchmark.report.pooled import Pooled

playwright = pytest.importorskip("playwright.sync_api")
pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytestmark = pytest.mark.browser

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)> (1999)"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


@pytest.fixture(scope="module")
def address(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    steps = tuple(ShownStep(ATTACK, "Drama", 3.5, ATTACK) for _ in range(14))
    Page(
        ATTACK,
        (
            Chapter(
                table,
                pictures=(Picture(style.png(plots.ladder(table)), "R_traj per row"),),
                sessions=tuple(
                    ShownSession(name, 1, steps, "patience", "teacher") for name in ("llm", "oracle", "mmr")
                ),
            ),
        ),
        artefacts=(Artefact("x" * 90 + ".npz", "evaluation", "0" * 64, {"prompt": "x" * 300}),),
        commands=("ilrec evaluate --out " + "x" * 300,),
    ).save(path)
    return path.as_uri()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS.split())
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, address):
    """A function that opens the page; whatever goes wrong on it fails the test."""
    troubles, contexts = [], []

    def open_page(width=1280, expected="", **options):
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: expect(message.text, expected))
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on("dialog", lambda dialog: (troubles.append("a dialog opened"), dialog.dismiss()))
        tab.on("request", lambda request: troubles.append(request.url) if not local(request.url) else None)
        tab.goto(address)
        return tab

    def expect(message, expected):
        if not expected or expected not in message:
            troubles.append(message)

    def local(url):
        return url == address or url.startswith("data:")

    yield open_page
    for context in contexts:
        context.close()
    assert not troubles


def labels(tab):
    return tab.locator("tbody").first.locator(".label").all_inner_texts()


def test_sorting(visit, table):
    tab = visit()
    as_written = labels(tab)
    assert as_written == [row.label for row in table.rows[:5]]
    tab.get_by_role("button", name="R_traj").click()
    down = labels(tab)
    values = [table.row(label).evaluation.R_traj.mean for label in down]
    assert values == sorted(values, reverse=True) and down != as_written
    tab.get_by_role("button", name="R_traj").click()
    assert labels(tab) == down[::-1]
    tab.get_by_role("button", name="agent").click()
    assert labels(tab) == sorted(as_written, reverse=True)
    assert tab.locator("th[aria-sort]").count() == 1
    assert tab.locator("tbody tr.group").all_inner_texts() == ["offered 20", "whole catalogue"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_fits_the_width(visit, width, scheme):
    tab = visit(width, color_scheme=scheme)
    for summary in tab.locator("summary").all():
        summary.click()
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    assert tab.evaluate("[...document.images].every((image) => image.naturalWidth > 100)")
    red, green, blue = map(
        int, tab.evaluate("getComputedStyle(document.body).backgroundColor").split("(")[1][:-1].split(",")
    )
    assert (red + green + blue > 600) == (scheme == "light")


def test_a_title_is_text_and_nothing_else(visit):
    tab = visit()
    assert tab.title() == ATTACK
    assert tab.locator(".session li span").first.inner_text() == ATTACK
    assert tab.locator("script").count() == 1 and tab.locator("img").count() == 1


def test_a_script_that_got_in_would_not_run(visit):
    tab = visit(expected="Content Security Policy")
    tab.evaluate("document.body.dataset.ran = 'no'")
    ran = tab.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = \"document.body.dataset.ran = 'yes'\";"
        " document.body.append(s); return document.body.dataset.ran }"
    )
    assert ran == "no"


def test_without_javascript(visit, table):
    tab = visit(java_script_enabled=False)
    assert labels(tab) == [row.label for row in table.rows[:5]]
    assert tab.locator("button").count() == 0


@pytest.fixture(scope="module")
def chapters(table, make_evaluation, tmp_path_factory):
    """The address of a page with two chapters, pooled rows and further tables, all of it with long words."""
    runs = {name: [make_evaluation(f"{name}{seed}") for seed in range(3)] for name in ("mmr", "offline_dqn", "x" * 40)}
    rows = [
        Row(name, Pooled.of(found, [{"training_seconds": 61.0}] * 3), marks="offline") for name, found in runs.items()
    ]
    pooled = ResultsTable(tuple(rows), "mmr")
    cells = [tuple((f"{k}.25 [{k}.00, {k}.50]", float(k * i)) for k in range(12)) for i in range(len(rows))]
    heads = ("agent", *(f"a long head {k}" for k in range(12)))
    more = PlainTable(ATTACK, heads, tuple(zip(runs, cells, strict=True)))
    path = tmp_path_factory.mktemp("chapters") / "page.html"
    Page("Two chapters", (Chapter(pooled, ATTACK, tables=(more,)), Chapter(table, "The other"))).save(path)
    return path.as_uri()


@pytest.mark.parametrize("width", [390, 1280])
def test_chapters_fit_and_their_tables_sort(browser, chapters, width):
    tab = browser.new_page(viewport={"width": width, "height": 800})
    tab.goto(chapters)
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    assert tab.locator("nav a").all_inner_texts() == [ATTACK, "The other"]
    assert tab.locator("script").count() == 1 and tab.locator("img").count() == 0
    plain = tab.locator("table.plain")
    before = plain.locator("tbody .label").all_inner_texts()
    plain.get_by_role("button", name="a long head 3").click()
    assert plain.locator("tbody .label").all_inner_texts() == before[::-1]
    heads = tab.locator("table.results").first.locator("thead th").all_inner_texts()
    assert heads[:5] == ["agent", "R_traj", "IQM", "difference", "P(> mmr)"]
    tab.locator("nav a").nth(1).click()
    assert tab.evaluate("location.hash") == "#chapter-2"
    tab.close()
