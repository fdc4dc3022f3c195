"""Sessions in a terminal: as wide as it is, in quiet colours where there are any, with nothing that could upset it."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from ilrec_demos.journal import Session, Step
from ilrec_demos.trace import words
from ilrec_demos.transcript import Transcript, stars
from ilrec_gym.errors import UsageError
from ilrec_gym.simulation.scenario import Scenario

WIDEST, NARROWEST = 100, 40
_STYLES = {"strong": "1", "faint": "2", "stars": "33", "warning": "31"}
_LABEL = 10
_INDENT = 5


@dataclass(frozen=True)
class Screen:
    """What text is written on.

    Attributes:
        width: Columns.
        colour: Whether styles are shown.
    """

    width: int
    colour: bool

    @classmethod
    def of(cls, width: int | None = None, colour: str = "auto") -> Screen:
        """The terminal that standard output goes to.

        Args:
            width: Columns; None takes the terminal's, 100 at most.
            colour: "auto" (on a terminal, unless ``NO_COLOR`` is set), "always" or "never".

        Raises:
            UsageError: Fewer columns than 40.
        """
        if width is not None and width < NARROWEST:
            raise UsageError(f"a session needs {NARROWEST} columns", received=width)
        columns = width or max(NARROWEST, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))
        plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
        return cls(columns, colour == "always" or (colour == "auto" and not plain))

    def styled(self, text: str, style: str) -> str:
        """The text in a style, where there are any."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.colour and text else text


@dataclass(frozen=True)
class SessionView:
    """Sessions of a scenario as lines of text.

    Attributes:
        scenario: Where users and items come from.
        screen: What they are written on.
        prompts: Whether to show what the model read and wrote.
    """

    scenario: Scenario
    screen: Screen
    prompts: bool = False

    def lines(self, session: Session) -> Iterator[str]:
        """One session: what the viewer liked, every step, why they left."""
        heading = f"Session {session.number}, viewer {session.user_id}, seed {session.seed}"
        yield self.screen.styled(heading, "strong")
        yield from self._block("Liked before: ", self._transcript.liked(session.user_id), "")
        yield ""
        for number, step in enumerate(session.steps, start=1):
            yield from self._step(number, step)
        yield ""
        yield from self._block("", self._transcript.ending(session), "")

    def _step(self, number: int, step: Step) -> Iterator[str]:
        rating = f"{stars(step.rating, self.scenario.rating_scale)} {step.rating:.1f}"
        room = self.screen.width - _INDENT - len(rating) - 2
        title, genres = cut(self._transcript.text(step.title), room), self._transcript.genres(step.item_id)
        left = room - columns(title) - 2
        line = f"{number:>{_INDENT - 2}}  {self.screen.styled(rating, 'stars')}  {self.screen.styled(title, 'strong')}"
        yield line + (f"  {self.screen.styled(cut(genres, left), 'faint')}" if genres and left > 8 else "")
        for name, text in self._said(step).items():
            label = " " * _INDENT + f"{cut(self._transcript.text(name), _LABEL):<{_LABEL}} "
            yield from self._block(label, "\n".join(map(self._transcript.text, text.split("\n"))), "faint")
        for warning in self._warnings(step):
            yield from self._block(" " * _INDENT, self._transcript.text(warning), "", "warning")

    def _said(self, step: Step) -> dict[str, str]:
        facts = step.facts
        said = {name: " ".join(text.split()) for name, text in words(facts).items()}
        for name in ("recalled", "encouraged", "discouraged"):
            texts = facts.get(name)
            if isinstance(texts, list | tuple) and texts:
                said[name] = "; ".join(map(str, texts))
        if isinstance(facts.get("value"), int | float):
            said["value"] = f"{facts['value']:.2f}"
        if self.prompts:
            said |= {name: str(facts[name]).strip() for name in ("prompt", "output") if facts.get(name)}
        return said

    def _warnings(self, step: Step) -> Iterator[str]:
        proposed = f'proposed "{step.facts.get("proposed", "")}"'
        if step.facts.get("outside"):
            yield f"{proposed}, which is not in the catalogue"
        if step.facts.get("repeated"):
            yield f"{proposed}, which the viewer had seen"
        if step.facts.get("history_left_out"):
            yield f"{step.facts['history_left_out']} earlier films did not fit into the prompt"

    def _block(self, label: str, text: str, label_style: str, style: str = "") -> Iterator[str]:
        """A text behind a label, wrapped, its further lines below its first."""
        room = self.screen.width - columns(label)
        for number, line in enumerate(line for part in text.split("\n") for line in wrapped(part, room)):
            front = label if number == 0 else " " * columns(label)
            shown = self.screen.styled(line, style) if style else line
            yield (self.screen.styled(front, label_style) if label_style and number == 0 else front) + shown

    @cached_property
    def _transcript(self) -> Transcript:
        return Transcript(self.scenario, markdown=False)


def columns(text: str) -> int:
    """How many columns a text takes: two for wide characters, none for those that combine."""
    return sum(_columns(character) for character in text)


def cut(text: str, width: int) -> str:
    """The text, its end replaced by "…" where it is wider than ``width``."""
    if columns(text) <= width:
        return text
    return next(wrapped_hard(text, max(1, width - 1)), "").rstrip() + "…"


def wrapped(text: str, width: int) -> Iterator[str]:
    """The text in lines of at most ``width`` columns, broken between words where that goes."""
    line = ""
    for word in text.split(" "):
        for part in wrapped_hard(word, width) if columns(word) > width else [word]:
            if line and columns(line) + 1 + columns(part) > width:
                yield line
                line = part
            else:
                line = f"{line} {part}" if line else part
    yield line


def wrapped_hard(text: str, width: int) -> Iterator[str]:
    """The text in pieces of at most ``width`` columns, broken anywhere."""
    piece, taken = "", 0
    for character in text:
        size = _columns(character)
        if piece and taken + size > width:
            yield piece
            piece, taken = "", 0
        piece, taken = piece + character, taken + size
    if piece:
        yield piece


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
