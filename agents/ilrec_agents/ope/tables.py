"""A study as records, Markdown, CSV and a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ilrec_agents.benchmark.report.numbers import MISSING, csv_text, number, with_interval
from ilrec_agents.ope.estimators import ESTIMATORS
from ilrec_gym.cards import write_card
from ilrec_gym.files import replacing

if TYPE_CHECKING:
    from ilrec_agents.ope.results import Estimate, Study

KIND = "off_policy_evaluation"


def records(study: Study) -> list[dict[str, Any]]:
    """One flat record per estimate."""
    return [
        {
            "target": e.target, "horizon": e.horizon, "estimator": e.estimator, "estimate": e.value.mean,
            "low": e.value.low, "high": e.value.high, "truth": e.truth.mean, "truth_low": e.truth.low,
            "truth_high": e.truth.high, "error": e.error, "holds": e.holds,
            "effective_sessions": e.effective_sessions, "sessions": study.sessions, "unsupported": e.unsupported,
            "logged": study.logged[e.horizon].mean, "gamma": study.gamma, "epsilon": study.facts.get("epsilon", 0.0),
        }
        for e in study.estimates
    ]  # fmt: skip


def markdown(study: Study) -> str:
    """What was logged, then one table: a line per target, horizon and estimator."""
    heads = ["target", "steps", "truth", "estimator", "estimate", "error", "holds", "effective sessions", "no support"]
    lines = [
        f"{study.sessions:,} logged sessions, {study.steps:,} steps. Truth: {study.facts.get('users', 0):,} users, "
        f"{study.facts.get('repeats', 1)} sessions each. Logged returns: "
        + ", ".join(f"{with_interval(value, 1)} in {h} steps" for h, value in study.logged.items())
        + (f". Discount {study.gamma:g} per step." if study.gamma != 1 else "."),
        "",
        "| " + " | ".join(heads) + " |",
        "|---|---:|---:|---|---:|---:|:---:|---:|---:|",
    ]
    for (target, horizon), group in study.groups.items():
        first = group[0]
        about = [f"`{target}`".replace("|", "\\|"), str(horizon), with_interval(first.truth, 1)]
        rests = [number(first.effective_sessions, 1), percent(first.unsupported)]
        for estimate in group:
            lines.append("| " + " | ".join([*about, *_cells(estimate), *rests]) + " |")
            about, rests = ["", "", ""], ["", ""]
    return "\n".join([*lines, "", *legend(study)]) + "\n"


def legend(study: Study) -> list[str]:
    """How to read the table."""
    used = dict.fromkeys(e.estimator for e in study.estimates)
    named = "; ".join(f"{name}: {ESTIMATORS[name].title} ({ESTIMATORS[name].source})" for name in used)
    return [
        "Intervals: 95%, bootstrap over sessions (that of fqe leaves out what a second fit would change); none where "
        "the estimate is not defined in one sample of twenty. holds: the "
        "interval meets the truth's own. Effective sessions: how many the weights at the last step amount to. "
        f"No support: chance of the target to do what the logger never does. {MISSING}: not defined, as no session "
        "goes on as the target would.",
        "",
        f"{named}.",
    ]


def percent(share: float) -> str:
    """A share as per cent."""
    text = number(share * 100, 1)
    return text if text == MISSING else f"{text}%"


def save(study: Study, folder: Path, inputs: Mapping[str, str] | None) -> list[Path]:
    """Write everything into a folder; returns the files."""
    from ilrec_agents.benchmark.report.style import save_png
    from ilrec_agents.ope.plots import picture

    paths = {name: folder / f"ope.{name}" for name in ("md", "csv", "png")}
    text = markdown(study) + "\n![Estimates with their intervals, and the truth as a line](ope.png)\n"
    for name, content in (("md", text), ("csv", csv_text(records(study)))):
        with replacing(paths[name]) as draft:
            draft.write_text(content, encoding="utf-8")
    parameters = {k: v for k, v in study.facts.items() if k != "seed"} | {"gamma": study.gamma}
    write_card(paths["csv"], kind=KIND, parameters=parameters, inputs=inputs, seed=study.facts.get("seed"))
    save_png(picture(study), paths["png"])
    return list(paths.values())


def _cells(e: Estimate) -> list[str]:
    defined = e.value.mean == e.value.mean
    return [
        e.estimator, _short(e), number(e.error, 1, signed=True), ("yes" if e.holds else "no") if defined else MISSING,
    ]  # fmt: skip


def _short(e: Estimate) -> str:
    """Digits where they mean something: estimates can be off by powers of ten."""
    return with_interval(e.value, 1 if abs(e.value.high) < 1e6 else 0)
