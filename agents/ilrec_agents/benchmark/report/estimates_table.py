"""Off-policy estimates beside the truth, where ``ilrec ope --out DIR/ope/ENVIRONMENT`` has left them."""

from __future__ import annotations

import csv
from pathlib import Path

from ilrec_agents.benchmark.report.exhibits import Picture, PlainTable
from ilrec_agents.benchmark.report.numbers import number
from ilrec_gym.cards import read_card
from ilrec_gym.errors import ArtefactError

FOLDER, FILE, PICTURE = "ope", "ope.csv", "ope.png"
KIND = "off_policy_evaluation"


def estimates(out: Path, slug: str) -> PlainTable | None:
    """The table of estimates for an environment; None where there is none.

    Args:
        out: The benchmark's folder.
        slug: The environment, as its folder of pictures is called.

    Raises:
        ArtefactError: A file that is damaged or of another kind.
    """
    path = out / FOLDER / slug / FILE
    if not path.exists():
        return None
    read_card(path, kind=KIND)
    with open(path, encoding="utf-8", newline="") as file:
        records = list(csv.DictReader(file))
    try:
        rows = tuple((f"{r['target']}, {r['horizon']} steps, {r['estimator']}", _cells(r)) for r in records)
    except (KeyError, ValueError) as error:
        raise ArtefactError(
            f"{path} must hold off-policy estimates",
            received=repr(error),
            cause="another version of ilrec-gym wrote it",
        ) from error
    return PlainTable(
        "Off-policy estimates beside the truth",
        ("target", "estimate", "truth", "error", "holds", "effective sessions"),
        rows,
        "What logged sessions of another policy say of an agent, and what the simulator knows. holds: the estimate's "
        "interval has the truth in it; effective sessions: how many the importance weights amount to.",
    )


def estimates_picture(out: Path, slug: str) -> list[Picture]:
    """The picture beside that table, where there is one."""
    path = out / FOLDER / slug / PICTURE
    words = "Off-policy estimates with their intervals; the line is the truth."
    return [Picture.from_file(path, words, words)] if path.exists() else []


def _cells(record: dict[str, str]) -> tuple[tuple[str, float], ...]:
    value, low, high = (_number(record[name]) for name in ("estimate", "low", "high"))
    truth, error, sessions = (_number(record[name]) for name in ("truth", "error", "effective_sessions"))
    ends = "" if low != low else f" [{number(low, 1)}, {number(high, 1)}]"
    holds = record["holds"] == "True" if value == value else None
    return (
        (number(value, 1) + ends, value),
        (number(truth, 1), truth),
        (number(error, 1, signed=True), error),
        ("–" if holds is None else "yes" if holds else "no", float(bool(holds))),
        (number(sessions, 1), sessions),
    )


def _number(text: str) -> float:
    return float(text) if text else float("nan")
