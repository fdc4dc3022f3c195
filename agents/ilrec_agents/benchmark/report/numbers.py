"""Numbers as text, the same on every machine, and texts as cells of Markdown tables."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ilrec_gym.evaluation import Interval

MISSING = "–"


def number(value: float | None, digits: int, *, signed: bool = False) -> str:
    """A number with fixed digits; a real minus sign; a dash for what is missing."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    if not any(digit in text for digit in "123456789"):  # -0.0 and +0.0 are plain zero
        text = text.lstrip("+-")
    return text.replace("-", "−")


def significant(value: float | None, digits: int = 2) -> str:
    """A number with at least so many significant digits, never in powers of ten."""
    if value is None or not math.isfinite(value) or value == 0:
        return number(value, 0)
    return number(value, max(0, digits - 1 - math.floor(math.log10(abs(value)))))


def milliseconds(value: float) -> str:
    """A time per decision; below a hundredth it says only that."""
    return "< 0.01" if 0 < value < 0.01 else significant(value)


def with_interval(value: Interval, digits: int, *, signed: bool = False) -> str:
    """``mean [low, high]``; the mean alone where there is no interval."""
    mean = number(value.mean, digits, signed=signed)
    if math.isnan(value.low) or math.isnan(value.high):
        return mean
    return f"{mean} [{number(value.low, digits, signed=signed)}, {number(value.high, digits, signed=signed)}]"


def with_sign(difference: Interval | None) -> str:
    """A paired difference after a sign that says whether its interval leaves zero out; "baseline" for None."""
    if difference is None:
        return "baseline"
    sign = {"above": "▲", "below": "▼", "not separated": "≈"}[difference.verdict]
    return f"{sign} {with_interval(difference, 1, signed=True)}"


def plain(value: Any) -> str:
    """A value for CSV: six significant digits, ASCII, empty for what is missing."""
    if value is None or value != value:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def csv_text(records: Sequence[Mapping[str, Any]]) -> str:
    """Flat records as CSV with a head of all their names; what is missing or not a number is empty."""
    text, names = io.StringIO(), dict.fromkeys(name for record in records for name in record)
    writer = csv.DictWriter(text, fieldnames=list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: plain(value) for name, value in record.items()} for record in records)
    return text.getvalue()


def duration(seconds: float) -> str:
    """A time as people say it: seconds, minutes, or hours and minutes."""
    if seconds < 90:
        return f"{seconds:.{1 if seconds < 10 else 0}f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def cell(text: str) -> str:
    """A text as it may stand in a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")
