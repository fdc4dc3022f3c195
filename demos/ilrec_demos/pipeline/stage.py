"""A stage: one file made from others. It is skipped while its card says that nothing has changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ilrec_gym.cards import is_current
from ilrec_gym.files import sha256


@dataclass(frozen=True)
class Stage:
    """What to make, from what, and how.

    Attributes:
        name: What the reader is told.
        output: The file whose card says whether it is current.
        kind: The card's kind.
        parameters: Everything that decides the content besides ``sources`` and ``seed``.
        sources: Files that it is made from, by name; their SHA-256 goes into the card.
        seed: Of everything random in it.
        beside: Files that it makes after the output; without them it has not come to its end.
        make: Makes the output and its card, given this stage.
    """

    name: str
    output: Path
    kind: str
    parameters: Mapping[str, Any]
    make: Callable[[Stage], Any]
    sources: Mapping[str, Path] = field(default_factory=dict)
    seed: int = 0
    beside: tuple[Path, ...] = ()

    @property
    def inputs(self) -> dict[str, str]:
        """SHA-256 of every source."""
        return {name: sha256(path) for name, path in self.sources.items()}

    @property
    def current(self) -> bool:
        """Whether the output is there, whole, and made from just this, and so is what lies beside it."""
        if not all(path.is_file() for path in self.beside):
            return False
        return is_current(self.output, kind=self.kind, parameters=self.parameters, inputs=self.inputs, seed=self.seed)


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds passed."""
        return time.perf_counter() - self._start


def settle(stages: list[Stage], run: Callable[[list[Stage]], None] | None = None) -> None:
    """Make the stages that are not current, and say so in one line each.

    Args:
        stages: Stages that do not depend on one another.
        run: Makes several at once; by default one after the other.
    """
    due = []
    for stage in stages:
        if stage.current:
            print(f"  {stage.name}: there already", flush=True)
        else:
            due.append(stage)
    if not due:
        return
    clock = Clock()
    if run is not None:
        run(due)
        names = ", ".join(stage.name for stage in due)
        print(f"  {names}: {clock.seconds:.0f} s", flush=True)
        return
    for stage in due:
        clock = Clock()
        stage.make(stage)
        print(f"  {stage.name}: {clock.seconds:.0f} s", flush=True)
