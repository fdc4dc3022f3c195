"""The fidelity report as files: JSON with its card, CSV, Markdown, PNG pictures, and a page per user model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ilrec_agents.benchmark.report import ResultsTable, Row
from ilrec_agents.benchmark.report.exhibits import Picture
from ilrec_agents.benchmark.report.numbers import csv_text
from ilrec_agents.benchmark.report.page import Chapter, Page
from ilrec_agents.benchmark.report.style import save_png
from ilrec_agents.fidelity import plots
from ilrec_agents.fidelity.ladder import CHANCE, POLICIES, Ladder
from ilrec_agents.fidelity.lengths import SHARES, counts_of, spread_of
from ilrec_agents.registry import agent_class
from ilrec_gym.cards import write_card
from ilrec_gym.evaluation import Interval
from ilrec_gym.files import replacing, write_json

if TYPE_CHECKING:
    from ilrec_agents.fidelity.report import Fidelity

METRICS = ("Len", "R_each", "R_traj")
CAPTIONS = {
    "ladder": "The return of every rung; dashed: chance. Lists, personal rules and oracles should stand in this order.",
    "lengths": "The share of sessions that still run; rungs of one colour are solid, dashed and dotted in the ladder's "
    "order. Where all lines fall alike, nothing that is shown keeps users.",
    "ratings": "Real ratings, the simulated ones of the same pairs, and those of the whole catalogue.",
    "agreement": "Users by how well their order of held-out ratings is met; dashed: means, thin line: chance.",
}


def save(report: Fidelity, folder: Path) -> list[Path]:
    """Write everything into a folder; returns the files."""
    texts = {
        "fidelity.md": report.to_markdown() + _pictures_in_markdown(report),
        "ladder.csv": csv_text(_ladder_records(report)),
        "lengths.csv": csv_text(_length_records(report)),
    }
    if report.histogram:
        texts["ratings.csv"] = csv_text(_rating_records(report))
    written = []
    for name, text in texts.items():
        with replacing(folder / name) as draft:
            draft.write_text(text, encoding="utf-8")
        written.append(folder / name)
    write_json(folder / "fidelity.json", to_json(report))
    write_card(
        folder / "fidelity.json", kind="fidelity", seed=report.seed, seconds=report.seconds,
        parameters={"dataset": report.scenario.name, "split": report.split, "users": report.users,
                    "user_models": [dict(ladder.user_model) for ladder in report.ladders.values()]},
        inputs={"scenario": report.scenario.fingerprint},
    )  # fmt: skip
    pictures = _pictures(report)
    for name, figure in pictures.items():
        save_png(figure, folder / f"{name}.png")
        written.append(folder / f"{name}.png")
    shown = [Picture.from_file(folder / f"{name}.png", CAPTIONS[name], CAPTIONS[name]) for name in pictures]
    for label, ladder in report.ladders.items():
        page = _page(report, label, ladder, shown)
        path = folder / f"{_slug(label)}.html"
        page.save(path)
        written.append(path)
    return [folder / "fidelity.json", *written]


def to_json(report: Fidelity) -> dict[str, Any]:
    """Everything that was found, as JSON values."""
    found: dict[str, Any] = {
        "dataset": report.scenario.name, "scenario": report.scenario.fingerprint, "split": report.split,
        "users": report.users, "seed": report.seed, "counts": report.counts,
        "agreement": [_agreement(one) for one in report.agreements],
        "places": report.places,
        "ratings": _rating_records(report) if report.histogram else [],
        "refused": report.refused,
    }  # fmt: skip
    found["user_models"] = {
        label: {
            "user_model": dict(ladder.user_model), "max_steps": ladder.max_steps,
            "leaving_step_counts": ladder.leaving_step_counts,
            "warnings": [{"kind": caution.kind, "text": caution.text} for caution in report.cautions(label)],
            "ladder": _rungs(ladder),
        }
        for label, ladder in report.ladders.items()
    }  # fmt: skip
    return found


def _agreement(one: Any) -> dict[str, Any]:
    numbers = {name: getattr(one, name) for name in ("name", "how", "ratings", "rmse", "baseline_rmse")}
    for name in ("concordance", "baseline_concordance", "tau", "baseline_tau", "gain"):
        numbers |= _flat(name, getattr(one, name))
    return numbers | {"users": one.concordance.n}


def _rungs(ladder: Ladder) -> list[dict[str, Any]]:
    rungs = []
    for name, evaluation in ladder.evaluations.items():
        rung: dict[str, Any] = {"policy": name, "kind": POLICIES[name]}
        for suffix, source in (("", evaluation), ("_without_leaving_step", evaluation.without_leaving_step)):
            for metric in METRICS:
                rung |= _flat(f"{metric}{suffix}", getattr(source, metric))
        if name != CHANCE:
            rung |= _flat("difference", ladder.difference(name, CHANCE))
        rung |= {"of_what_is_possible": _finite(ladder.headroom(name)), "horizon": ladder.horizon(name)}
        rung["lengths"] = counts_of(evaluation.log.lengths, ladder.max_steps)
        rung["exit_reasons"] = {str(reason): int(count) for reason, count in evaluation.exit_reasons.items()}
        rungs.append(rung)
    return rungs


def _ladder_records(report: Fidelity) -> list[dict[str, Any]]:
    return [
        {"user_model": label} | {key: value for key, value in rung.items() if not isinstance(value, (list, dict))}
        for label, ladder in report.ladders.items()
        for rung in _rungs(ladder)
    ]


def _length_records(report: Fidelity) -> list[dict[str, Any]]:
    records = []
    for label, ladder in report.ladders.items():
        for name, evaluation in ladder.evaluations.items():
            spread = dict(zip((f"q{share:g}" for share in SHARES), spread_of(evaluation.log.lengths), strict=True))
            mean = float(evaluation.log.lengths.mean())
            records.append({"user_model": label, "policy": name, "mean": mean, **spread,
                            "horizon": ladder.horizon(name)})  # fmt: skip
    return records


def _rating_records(report: Fidelity) -> list[dict[str, Any]]:
    assert report.histogram
    return [
        {"source": source, "rating": float(level), "share": float(share)}
        for source, shares in report.histogram.shares.items()
        for level, share in zip(report.histogram.levels, shares, strict=True)
    ]


def _pictures(report: Fidelity) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if report.ladders:
        found |= {"ladder": plots.ladders(report.ladders), "lengths": plots.lengths(report.ladders)}
    if report.histogram:
        found["ratings"] = plots.ratings(report.histogram)
    if report.agreements:
        found["agreement"] = plots.orders(report.agreements)
    return found


def _pictures_in_markdown(report: Fidelity) -> str:
    return "\n## Pictures\n\n" + "\n\n".join(f"![{CAPTIONS[name]}]({name}.png)" for name in _pictures(report)) + "\n"


def _page(report: Fidelity, label: str, ladder: Ladder, pictures: Sequence[Picture]) -> Page:
    rows = [
        Row(name, evaluation, "", ("sees truth" if POLICIES[name] == "oracle" else "reference",), _note(name))
        for name, evaluation in ladder.evaluations.items()
    ]
    return Page(
        title=f"How faithful is {report.scenario.name} under {label}?",
        lead=f"The ladder of rules that {report.users} {report.split} users met under this user model, from chance to "
        "a planning oracle; the pictures show every user model.",
        chapters=(
            Chapter(
                ResultsTable(tuple(rows), CHANCE),
                pictures=tuple(pictures),
                rating_scale=report.scenario.rating_scale,
                notes=tuple(f"Warning: {caution.text.replace('`', '')}" for caution in report.cautions(label)),
            ),
        ),
    )


def _note(policy: str) -> str:
    return (agent_class(policy).__doc__ or "").strip().split("\n")[0]


def _flat(name: str, value: Interval) -> dict[str, float | None]:
    ends = (value.mean, value.low, value.high)
    return dict(zip((name, f"{name}_low", f"{name}_high"), map(_finite, ends), strict=True))


def _finite(value: float) -> float | None:
    return float(value) if value == value else None


def _slug(label: str) -> str:
    return re.sub(r"[^A-Za-z0-9.=_-]+", "-", label).strip("-")
