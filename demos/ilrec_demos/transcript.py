"""Transcripts: sessions as people read them. Who watches, what was shown and why, the rating, how it ended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ilrec_demos.journal import Journal, Session, Step
from ilrec_demos.trace import words
from ilrec_gym.envs.rendering import ending
from ilrec_gym.simulation.scenario import Scenario

FIRST = 50
"""How many sessions a transcript shows."""
_LIKED = 5


@dataclass(frozen=True)
class Transcript:
    """Writes sessions of a scenario as Markdown, or as plain text for a terminal.

    Attributes:
        scenario: Where users and items come from.
        markdown: Whether the text is Markdown; titles and reasons are escaped then.
    """

    scenario: Scenario
    markdown: bool = True

    def journal(self, journal: Journal, first: int | None = FIRST) -> str:
        """The header and the first sessions of a journal (all if None)."""
        header, sessions = journal.header, journal.sessions[:first]
        title = f"{len(journal.sessions)} sessions with {header.agent['name']}"
        parts = [self._heading(1, title), self._overview(journal)]
        parts += [self.session(session) for session in sessions]
        if len(sessions) < len(journal.sessions):
            parts.append(f"Shown are {len(sessions)} of {len(journal.sessions)} sessions.")
        return "\n\n".join(parts) + "\n"

    def session(self, session: Session) -> str:
        """One session."""
        lines = [self._heading(2, f"Session {session.number}, viewer {session.user_id}"), ""]
        lines += [f"Liked before: {self.liked(session.user_id)}", ""]
        for number, step in enumerate(session.steps, start=1):
            lines += self._step(number, step)
        lines += ["", self.ending(session)]
        return "\n".join(lines)

    def ending(self, session: Session) -> str:
        """After how many films, with which return and why a session ended."""
        films = f"{len(session)} film{'s' * (len(session) > 1)}"
        return f"Ended after {films} with return {session.total:.1f}: {self.text(ending(session.exit_reason))}."

    def genres(self, item_id: int) -> str:
        """The genres of an item."""
        return self.text(", ".join(self._genres.get(item_id, ())))

    def text(self, value: object) -> str:
        """A title or a model's words: one line without control characters, escaped where the text is Markdown."""
        line = " ".join(_UNPRINTABLE.sub(" ", str(value)).split())
        return _MARKUP.sub(r"\\\g<0>", line) if self.markdown else line

    def _step(self, number: int, step: Step) -> Iterator[str]:
        rating = f"{stars(step.rating, self.scenario.rating_scale)} {step.rating:.1f}"
        genres = self.genres(step.item_id)
        title = self.text(step.title)
        if self.markdown:
            yield f"{number}. **{title}** · {genres} · {rating}"
        else:
            yield f"{number:>3}. {title:<48.48} {rating}  {genres}"
        for name, said in words(step.facts).items():
            yield f"     {'- ' * self.markdown}{self.text(name)}: {self.text(said)}"

    def liked(self, user_id: int) -> str:
        """The viewer's best rated films before the session, with their ratings."""
        users, titles = self.scenario.users, self.scenario.catalogue.titles
        user = users.index_of(user_id)
        items, ratings = users.profile_items[user], users.profile_ratings[user]
        best = np.argsort(np.nan_to_num(-ratings, nan=np.inf), kind="stable")[:_LIKED]
        liked = [f"{self.text(titles[items[i]])} {ratings[i]:g}" for i in best if items[i] >= 0]
        return ", ".join(liked) or "nothing known"

    def _overview(self, journal: Journal) -> str:
        header, figures = journal.header, journal.statistics()
        reasons = ", ".join(f"{reason} {count}" for reason, count in figures["exit_reasons"].items())
        return (
            f"Environment: {self.text(header.task['dataset'])}, users of the split {header.split}, seed {header.seed}. "
            f"Mean length {figures['mean_length']:.1f}, mean return {figures['mean_return']:.1f}, "
            f"mean rating {figures['mean_rating']:.2f}. Ends: {self.text(reasons)}."
        )

    def _heading(self, level: int, title: str) -> str:
        return f"{'#' * level} {self.text(title)}" if self.markdown else f"{title}\n{'=-'[level - 1] * len(title)}"

    @cached_property
    def _genres(self) -> dict[int, tuple[str, ...]]:
        catalogue = self.scenario.catalogue
        return {int(item_id): catalogue.genres_of(i) for i, item_id in enumerate(catalogue.ids)}


def stars(rating: float, scale: tuple[float, float]) -> str:
    """A rating as five stars."""
    full = min(5, max(0, round(5 * (rating - scale[0]) / (scale[1] - scale[0]))))
    return "★" * full + "☆" * (5 - full)


# Control characters (C0, C1, and those that reverse or hide text) could play tricks on a terminal.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_MARKUP = re.compile(r"[\\`*_\[\]<>#|~&$!]")
