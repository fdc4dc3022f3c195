"""A benchmark's files for readers: Markdown table, Parquet and CSV, pictures, and one page."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ilrec_agents.benchmark.report import plots, run_plots, style
from ilrec_agents.benchmark.report.estimates_table import estimates, estimates_picture, save_estimates
from ilrec_agents.benchmark.report.exhibits import Picture, PlainTable, ShownSession, shown_session
from ilrec_agents.benchmark.report.metrics_table import beyond, modes, words
from ilrec_agents.benchmark.report.page import Chapter, Page
from ilrec_agents.benchmark.report.results import EnvResults, Results
from ilrec_agents.benchmark.report.tables_file import benchmark
from ilrec_agents.benchmark.runs.folder import Folder
from ilrec_gym.files import replacing

PICTURES = "pictures"
_LEAD = (
    "Every agent meets the same test users. Intervals say what other training seeds and other users could have given; "
    "differences are paired by user. All seeds of those who learn from a log learn from the same one."
)


def write_all(out: Path) -> str:
    """Write everything that readers want of a benchmark's folder, and say what was written.

    Raises:
        UsageError: No run has ended well, or the folder holds something else.
        MissingExtraError: The extra "report" is not installed.
    """
    results = Results(Folder(out))
    results.save()
    text = benchmark(results)
    with replacing(out / "results.md") as draft:
        draft.write_text(text, encoding="utf-8")
    about = results.folder.about
    Page(
        title=f"Benchmark: {about['suite']}",
        lead=" ".join(filter(None, (_LEAD, results.gaps, *(text for env in results.lost for text in env.failures)))),
        chapters=tuple(_chapter(env, out, len(results.envs) > 1) for env in results.envs),
        commands=_commands(about["command"], shlex.quote(out.resolve().name)),
        versions=results.versions,
    ).save(out / "report.html")
    return f"{text}\nwritten: {out}/report.html, results.md, results.csv, results.parquet, runs.csv, {PICTURES}/"


def _commands(command: str, name: str) -> tuple[str, ...]:
    """What made the page, with the folder's name alone, as it reads wherever the page goes."""
    made = re.sub(r"--out[ =]('[^']*'|\S+)", f"--out {name}", command)
    return tuple(filter(None, (made, f"ilrec benchmark report {name}")))


def _chapter(env: EnvResults, out: Path, several: bool) -> Chapter:
    table, slug = env.table, re.sub(r"[^a-z0-9]+", "-", env.env.label.lower()).strip("-")
    save_estimates(env, out, slug)
    tables: Sequence[PlainTable | None] = (words(table), *beyond(table), modes(env), *estimates(out, slug))
    scenario = env.env.make("test").unwrapped.scenario
    return Chapter(
        table,
        heading=env.env.label if several else "",
        pictures=(*_pictures(env, out / PICTURES / slug), *estimates_picture(out, slug)),
        tables=tuple(found for found in tables if found is not None),
        sessions=_sessions(env),
        rating_scale=scenario.rating_scale,
        notes=(*env.failures, *env.unanswered),
    )


def _pictures(env: EnvResults, folder: Path) -> list[Picture]:
    """The pictures of one environment, each as a file too."""
    table, curves = env.table, env.curves
    labels = [row.label for row in table.rows]
    marks = [name for name in ("mmr", "playlist") if name in labels]
    made = [
        ("returns", plots.ladder(table, marks), "Return per session, and the paired difference to the baseline."),
        ("length_and_rating", plots.length_and_rating(table), "Long sessions, or high ratings? Or both?"),
    ]
    if curves:
        words = "Return with the same train users, by steps or updates: thin lines are seeds, the thick one their mean."
        made.append(("learning_curves", run_plots.learning_curves(table, curves, env.references), words))
    if {"random", "oracle_one_step"} <= set(labels):
        words = "Performance profiles: how many runs and users get more than a score, with 95% bands."
        made.append(("profiles", run_plots.profiles(table, "random", "oracle_one_step"), words))
    if len({reason for row in table.rows for reason in row.evaluation.exit_reasons}) > 1:
        made.append(("endings", run_plots.endings(table), "Why sessions ended."))
    pictures = []
    for name, figure, caption in made:
        style.save_png(figure, folder / f"{name}.png")
        pictures.append(Picture.from_file(folder / f"{name}.png", caption, caption))
    return pictures


def _sessions(env: EnvResults) -> tuple[ShownSession, ...]:
    """One test user's sessions side by side: the best learner, the baseline, and what the truth allows."""
    table = env.table
    learners = [row for row in table.rows if row.marks[0] not in ("heuristic", "sees truth")]
    oracles = [row for row in table.rows if row.marks[0] == "sees truth"]
    shown = {row.label: row for row in (*learners[:1], table.row(table.baseline), *oracles[:1])}
    values = (learners or [table.row(table.baseline)])[0].evaluation.per_user("R_traj")
    user = int(values.user_ids[np.argsort(values.values)[len(values.values) // 2]])
    catalogue = env.env.make("test").unwrapped.scenario.catalogue
    genres = [", ".join(catalogue.genres_of(item)) for item in range(len(catalogue))]
    return tuple(shown_session(row, user, catalogue.titles, genres) for row in shown.values())
