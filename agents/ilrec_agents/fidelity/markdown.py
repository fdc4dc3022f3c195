"""The fidelity report as Markdown: tables, how to read them, and what to beware of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ilrec_agents.benchmark.report.numbers import number, with_interval, with_sign
from ilrec_agents.fidelity.agreement import LEAST, Agreement
from ilrec_agents.fidelity.histogram import REAL, Histogram
from ilrec_agents.fidelity.ladder import CHANCE, POLICIES, Ladder
from ilrec_agents.fidelity.lengths import SHARES, spread_of

if TYPE_CHECKING:
    from ilrec_agents.fidelity.report import Fidelity

GOES_BY = {
    "chance": "chance",
    "list": "one list for all",
    "personal": "the user's profile",
    "oracle": "the hidden truth",
}


def markdown(report: Fidelity) -> str:
    """The whole report."""
    counts = report.counts
    lines = [
        f"# How faithful is {report.scenario.name}?",
        "",
        f"{counts['ratings']:,} ratings of {counts['items']:,} items by {counts['users']:,} users. Sessions: "
        f"{report.users} users ({report.split}), one each under every rule, seed {report.seed}. "
        "Intervals are 95%, over users.",
        "",
        "## Ratings that were held out",
        "",
        *(_agreements(report.agreements) if report.agreements else _places(report.places)),
    ]
    if report.histogram:
        lines += ["", "## Ratings, real and simulated", "", *_histogram(report.histogram)]
    lines += ["", "## All user models", "", *_all(report)]
    alike = _alike(report.ladders)
    for label, ladder in report.ladders.items():
        lines += ["", f"## User model {label}", ""]
        lines += [f"Here it plays the very sessions of `{alike[label]}`."] if label in alike else []
        lines += [] if label in alike else _ladder(report, label, ladder)
    return "\n".join(lines) + "\n"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """A table whose first ``left`` columns are text."""
    marks = ["---"] * left + ["---:"] * (len(heads) - left)
    return ["| " + " | ".join(cells) + " |" for cells in (heads, marks, *rows)]


def _agreements(found: Sequence[Agreement]) -> list[str]:
    rows = []
    for one in found:
        rows.append([f"{one.how}: {one.ratings:,}", "model", number(one.rmse, 3), with_interval(one.concordance, 3),
                     with_interval(one.tau, 3), _gained(one)])  # fmt: skip
        rows.append(["", "item mean", number(one.baseline_rmse, 3), with_interval(one.baseline_concordance, 3),
                     with_interval(one.baseline_tau, 3), ""])  # fmt: skip
    users = ", ".join(f"{one.concordance.n:,}" for one in found)
    return [
        *table(["held out", "by", "RMSE", "concordance", "Kendall tau-b", "concordance gained"], rows, left=2),
        "",
        "Concordance: the share of a user's pairs of unequally rated items that are put in the user's order; 0.5 is "
        f"chance. Mean over users with at least {LEAST} held-out ratings that are not all equal ({users} users). Item "
        "means are shrunk towards the overall mean; for the RMSE the user's own offset is added.",
    ]


def _gained(one: Agreement) -> str:
    """The gain in concordance with three digits after its sign."""
    sign = with_sign(one.gain)[0]
    return f"{sign} {with_interval(one.gain, 3, signed=True)}"


def _places(found: dict[str, dict[str, float]]) -> list[str]:
    if not found:
        return ["There are no ratings that could be held out."]
    names = list(next(iter(found.values())))
    rows = [[row, *(number(values.get(name), 3) for name in names)] for row, values in found.items()]
    return [
        *table(["ranks what was held out", *names], rows), "",
        "The log holds no ratings, so there is no error and no order of ratings: the measures say how far to the front "
        "held-out choices stand among all items.",
    ]  # fmt: skip


def _histogram(found: Histogram) -> list[str]:
    heads = ["ratings", *(f"{level:g}" for level in found.levels), "mean", "sd", "distance"]
    rows = []
    for source, shares in found.shares.items():
        distance = "" if source == REAL else number(found.distance(source), 2)
        facts = [number(found.means[source], 2), number(found.spreads[source], 2), distance]
        rows.append([source, *(f"{share * 100:.1f}%" for share in shares), *facts])
    return [
        *table(heads, rows), "",
        "Simulated ratings count for the nearest level. Distance: the share of ratings that would have to move to give "
        "the real histogram. A preference model gives what it expects, without the part of a rating that it cannot "
        "explain, so its ratings vary less; over the whole catalogue they are lower, because people choose what they "
        "watch.",
    ]  # fmt: skip


def _all(report: Fidelity) -> list[str]:
    """One column of returns per user model, and the cautions of all."""
    ladders = report.ladders
    rows = [[f"`{name}`", GOES_BY[kind], *(number(ladder.mean(name).mean, 1) for ladder in ladders.values())]
            for name, kind in POLICIES.items()]  # fmt: skip
    lines = table(["return per session", "goes by", *ladders], rows, left=2) if ladders else []
    told = [label for label in ladders if label not in _alike(ladders)]
    warned = [f"- **{label}**: {caution.text}" for label in told for caution in report.cautions(label)]
    warned += [f"- **{label}** cannot be played with this data: {why}" for label, why in report.refused.items()]
    calm = [label for label in told if not report.cautions(label)]
    lines += ["", "Warnings:", "", *warned] if warned else []
    return [*lines, "", f"No warning: {', '.join(calm)}."] if calm else lines


def _alike(ladders: Mapping[str, Ladder]) -> dict[str, str]:
    """User models that play the very sessions of one before them, and of which."""
    labels = list(ladders)
    pairs = ((label, earlier) for k, label in enumerate(labels) for earlier in labels[:k])
    return {label: earlier for label, earlier in pairs if ladders[label].same_sessions(ladders[earlier])}


def _ladder(report: Fidelity, label: str, ladder: Ladder) -> list[str]:
    counted = "counts" if ladder.leaving_step_counts else "does not count"
    parameters = ", ".join(
        f"{key} {f'{value:.4g}' if isinstance(value, float) else value}"
        for key, value in ladder.user_model.items()
        if key not in ("name", "leaving_step_counts")
    )
    rows = []
    for name in ladder.evaluations:
        share = ladder.headroom(name)
        rows.append([
            f"`{name}`", GOES_BY[POLICIES[name]], with_interval(ladder.mean(name, "Len"), 1),
            with_interval(ladder.mean(name, "R_each"), 2), with_interval(ladder.mean(name), 1),
            "" if name == CHANCE else with_sign(ladder.difference(name, CHANCE)),
            number(None if math.isnan(share) else share * 100, 0) + "%",
        ])  # fmt: skip
    heads = ["policy", "goes by", "Len", "R_each", "R_traj", f"R_traj − `{CHANCE}`", "of what is possible"]
    lines = [f"**Warning.** {caution.text}\n" for caution in report.cautions(label)]
    lines += [
        f"Parameters: {parameters or 'none'}; horizon {ladder.max_steps}. The leaving step {counted}.", "",
        *table(heads, rows, left=2), "",
        "Differences are paired by user; ▲ and ▼: the interval leaves zero out, ≈: it does not. What is possible: what "
        "the best oracle earns beyond chance.", "",
        *_lengths(ladder),
    ]  # fmt: skip
    return lines


def _lengths(ladder: Ladder) -> list[str]:
    rows = []
    for name, evaluation in ladder.evaluations.items():
        log = evaluation.log
        reasons = ", ".join(f"{reason} {count / len(log):.0%}" for reason, count in evaluation.exit_reasons.items())
        quantiles = [number(q, 0) for q in spread_of(log.lengths)]
        rows.append([f"`{name}`", number(log.lengths.mean(), 1), *quantiles, reasons])
    heads = ["session length", "mean", *(f"{share:.0%}" for share in SHARES), "ended by"]
    return table(heads, rows)
