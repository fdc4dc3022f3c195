"""What validation finds: a place, and what is wrong there."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        place: File, line, session and step, as far as they are known.
        what: In words.
    """

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


@dataclass
class Report:
    """What was looked at, and what is wrong with it.

    Attributes:
        kind: "journal", "d3rlpy", "minari" or "jsonl".
        findings: Everything that is wrong, in the order in which it was found.
        notes: What could not be looked at, and why.
        sessions: How many sessions were read.
        steps: How many steps these have.
        replayed: How many of the sessions were played again.
    """

    kind: str
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sessions: int = 0
    steps: int = 0
    replayed: int = 0

    def add(self, place: str, what: object) -> None:
        """Add a finding."""
        self.findings.append(Finding(place, " ".join(str(what).split())))

    @property
    def fine(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    @property
    def summary(self) -> str:
        """One line: what was looked at, and how much is wrong."""
        looked = f"{self.kind}, {self.sessions} sessions, {self.steps} steps, {self.replayed} sessions replayed"
        n = len(self.findings)
        return f"{looked}: " + (f"{n} finding{'s' * (n > 1)}" if n else "no findings")


def ranges(numbers: list[int]) -> str:
    """Whole numbers in ascending order, runs of them as ``3-7``."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][-1] == number - 1:
            parts[-1] = [parts[-1][0], number]
        else:
            parts.append([number])
    return ", ".join("-".join(map(str, dict.fromkeys(part))) for part in parts)
