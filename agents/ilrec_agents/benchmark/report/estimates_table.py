"""Off-policy estimates beside the truth: the suite's, or what ``ilrec ope --out DIR/ope/ENVIRONMENT`` left."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

from ilrec_agents.benchmark.report.estimates_summary import Cell, softening, summary
from ilrec_agents.benchmark.report.exhibits import Picture, PlainTable
from ilrec_agents.benchmark.report.numbers import MISSING, number, with_interval
from ilrec_agents.benchmark.report.results import EnvResults
from ilrec_gym.cards import read_card
from ilrec_gym.errors import ArtefactError
from ilrec_gym.evaluation import Interval

FOLDER, FILE, PICTURE = "ope", "ope.csv", "ope.png"
KIND = "off_policy_evaluation"
SUITE = "benchmark"
"""In the card's inputs: that a suite made it."""
_NUMBERS = ("estimate", "low", "high", "truth", "error", "effective_sessions")


def save_estimates(env: EnvResults, out: Path, slug: str) -> None:
    """Write what the suite asked of a log where ``ilrec ope`` would have left it: Markdown, CSV and a picture.

    What an earlier plan asked, and this one does not, is removed; what ``ilrec ope`` left there stays.
    """
    folder = out / FOLDER / slug
    if env.study is not None:
        env.study.save(folder, inputs={SUITE: env.env.label})
    elif (folder / FILE).exists() and SUITE in read_card(folder / FILE, kind=KIND)["inputs"]:
        shutil.rmtree(folder)


def estimates(out: Path, slug: str) -> list[PlainTable]:
    """The tables of estimates for an environment; none where there are no estimates.

    Args:
        out: The benchmark's folder.
        slug: The environment, as its folder of pictures is called.

    Raises:
        ArtefactError: A file that is damaged or of another kind.
    """
    path = out / FOLDER / slug / FILE
    if not path.exists():
        return []
    read_card(path, kind=KIND)
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        records = [_record(row) for row in rows]
        return [summary(records), _beside(records)]
    except (KeyError, ValueError) as error:
        raise ArtefactError(
            f"{path} must hold off-policy estimates",
            received=repr(error),
            cause="another version of ilrec-gym wrote it",
        ) from error


def estimates_picture(out: Path, slug: str) -> list[Picture]:
    """The picture beside those tables, where there is one."""
    path = out / FOLDER / slug / PICTURE
    words = "What a log says of agents: how far off-policy estimates are from the truth."
    return [Picture.from_file(path, words, words)] if path.exists() else []


def _beside(records: list[dict[str, Any]]) -> PlainTable:
    """One row per agent and horizon, one column per estimator."""
    names = list(dict.fromkeys(r["estimator"] for r in records))
    groups: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for r in records:
        groups.setdefault((r["target"], r["horizon"]), {})[r["estimator"]] = r
    rows = []
    for (target, horizon), found in groups.items():
        first = next(iter(found.values()))
        sessions = first["effective_sessions"]
        cells = [(number(first["truth"], 1), first["truth"])]
        cells += [_estimate(found[name]) if name in found else (MISSING, float("nan")) for name in names]
        rows.append((f"{target}, {horizon} steps", (*cells, (number(sessions, 1), sessions))))
    return PlainTable(
        "Off-policy estimates beside the truth", ("agent", "truth", *names, "effective sessions"), tuple(rows),
        "What logged sessions of another policy say of an agent, and what the simulator knows, with all train users. "
        "✓: the estimate's interval meets the truth's own; ✗: it does not. Effective sessions: how many the importance "
        "weights amount to." + "".join(f" {said}" for said in softening(records)),
    )  # fmt: skip


def _estimate(r: dict[str, Any]) -> Cell:
    value = Interval(r["estimate"], r["low"], r["high"])
    if value.mean != value.mean:
        return MISSING, value.mean
    return f"{'✓' if r['holds'] else '✗'} {with_interval(value, 1)}", value.mean


def _record(row: dict[str, str]) -> dict[str, Any]:
    numbers = {name: float(row[name]) if row[name] else float("nan") for name in _NUMBERS}
    words = {name: row[name] for name in ("target", "horizon", "estimator")}
    return {**words, **numbers, "epsilon": float(row.get("epsilon") or 0.0), "holds": row["holds"] == "True"}
