"""The end of the quickstart: table, pictures, page, and what to do next."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ilrec_agents.benchmark.report import ResultsTable, plots, style
from ilrec_agents.benchmark.report.exhibits import Artefact, Picture, ShownSession, shown_session
from ilrec_agents.benchmark.report.findings import findings
from ilrec_agents.benchmark.report.page import Chapter, Page
from ilrec_demos.pipeline.by_hand import again, stages
from ilrec_demos.pipeline.settings import Settings

if TYPE_CHECKING:
    from ilrec_demos.pipeline.quickstart import Quickstart

_SHOWN = ("cql learned reward", "retriever_top1")
_LEAD = (
    "A language model played sessions with train users. Inverse reinforcement learning made a reward of its choices; "
    "offline agents learned from the log and the demonstrations. Here all of them meet the same test users."
)


def write_report(run: Quickstart, table: ResultsTable) -> None:
    """Write ``results.md``, ``results.csv``, three PNGs and ``report.html``, and print the table."""
    out = run.settings.out
    table.save(out)
    pictures = tuple(
        _picture(figure, out / f"{name}.png", caption)
        for name, figure, caption in (
            ("results", plots.ladder(table), "Return per session, and the paired difference to the yardstick."),
            ("length_and_rating", plots.length_and_rating(table), "Long sessions, or high ratings?"),
            ("along_the_session", plots.along_the_session(table), "Ratings and viewers left, step by step."),
        )
    )  # fmt: skip
    page = Page(
        title="A language model teaches a recommender",
        chapters=(
            Chapter(table, pictures=pictures, sessions=_sessions(run, table), rating_scale=run.scenario.rating_scale),
        ),
        lead=_LEAD,
        artefacts=tuple(_artefacts(out)),
        commands=(again(run.settings), *stages(run.settings)),
    )
    page.save(out / "report.html")
    print(f"\n{table.to_markdown()}")
    print("\n".join(f"* {finding}" for finding in findings(table)))
    print(_next(run.settings))


def _picture(figure: object, path: Path, caption: str) -> Picture:
    style.save_png(figure, path)  # type: ignore[arg-type]
    return Picture.from_file(path, caption, caption)


def _sessions(run: Quickstart, table: ResultsTable) -> tuple[ShownSession, ...]:
    """One test user's sessions side by side: the one for whom the teacher's return is the median."""
    teacher = next(row for row in table.rows if "teacher" in row.marks)
    returns = teacher.evaluation.per_session("R_traj")
    user = int(teacher.evaluation.log.user_ids[np.argsort(returns)[len(returns) // 2]])
    catalogue = run.scenario.catalogue
    genres = [", ".join(catalogue.genres_of(item)) for item in range(len(catalogue))]
    played = next(session for session in run.teacher_journal().sessions if session.user_id == user)
    reasons = [str(step.facts.get("reason", "")) for step in played.steps]
    shown = [shown_session(teacher, user, catalogue.titles, genres, reasons)]
    shown += [shown_session(table.row(label), user, catalogue.titles, genres) for label in _SHOWN]
    return tuple(shown)


def _artefacts(out: Path) -> list[Artefact]:
    """Everything under ``out`` that has a card, by its path there."""
    paths = [card.with_name(card.name.removesuffix(".card.json")) for card in sorted(out.rglob("*.card.json"))]
    return [replace(Artefact.from_file(path), name=path.relative_to(out).as_posix()) for path in paths]


def _next(settings: Settings) -> str:
    out = settings.out
    commands = {
        shlex.join(["ilrec", "demos", "inspect", f"{out}/journals/demonstrations"]): "look at the demonstrations",
        again(settings, out="more", demonstrations=100): "a better taught student",
        "ilrec quickstart --help": "another model, data set, or teacher",
        "ilrec agents": "what else can play",
    }
    return "\n".join((
        "",
        f"Open {out}/report.html: the table, the pictures, example sessions. {out}/results.png is the picture alone.",
        f"Read what the teacher said: {out}/demonstrations.transcript.md",
        "What to do next:",
        *(f"  {command:<{max(map(len, commands))}}   {what}" for command, what in commands.items()),
    ))  # fmt: skip
