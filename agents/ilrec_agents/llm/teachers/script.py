"""The teachers' prompt: its file, and from films and viewers to tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from ilrec_agents.llm.backend import Backend
from ilrec_agents.llm.grounding.trie import Tokens
from ilrec_agents.llm.modules.speech import Speech, stops
from ilrec_agents.llm.profile import Taste
from ilrec_agents.llm.prompt import clean, profile_text
from ilrec_agents.llm.prompt_file import Form
from ilrec_agents.llm.teachers.config import TeacherConfig
from ilrec_agents.llm.teachers.session import Session
from ilrec_agents.llm.wording import Names
from ilrec_agents.task import Task

_SPEECH = ("ask", "begins", "ends")
FORM = Form(
    kind="teach",
    parts={
        "profile": ("disliked_heading", "disliked", "liked_heading", "liked"),
        "lessons": ("heading", "lesson"),
        "history": ("heading", "left_out", "liked", "disliked"),
        "critic": ("ask",),
        "planner": _SPEECH,
        "advice": ("pleased_heading", "pleased", "disappointed_heading", "disappointed"),
        "thinker": _SPEECH,
        "choice": ("ask",),
        "reflector": ("left", "stayed", *_SPEECH),
    },
    names=(
        "title",
        "genres",
        "rating",
        "low",
        "top",
        "count",
        "mean",
        "best",
        "best_genres",
        "worst",
        "worst_genres",
        "lesson",
    ),  # fmt: skip
)
_LESSON = 400  # characters of a reflection
_DEAREST, _LATEST = 3, 4  # films that say what a situation is


@dataclass(frozen=True)
class TeacherPrompt:
    """A prompt file.

    Attributes:
        version: Its name, for cards.
        opening: The rules, read once for all sessions.
        parts: Part -> entry -> text, as :data:`FORM` lists them.
    """

    version: str
    opening: str
    parts: Mapping[str, Mapping[str, str]]

    @classmethod
    def load(cls, name: str | Path = "teach_v1") -> TeacherPrompt:
        """Read a prompt that comes with the package, by version, or one of the user's, by path.

        Raises:
            UnknownNameError: No such version and no such file.
            ArtefactError: The file is not a prompt of teachers.
        """
        found = FORM.read(name)
        return cls(found["version"], found["opening"], {part: found[part] for part in FORM.parts})


class Script(Names):
    """The prompt's pieces as tokens. What follows from the same things is the same tokens, whoever asks.

    Args:
        task: Films and viewers.
        config: How much of each goes in.
        prompt: The words.
        backend: The tokenizer.
    """

    def __init__(self, task: Task, config: TeacherConfig, prompt: TeacherPrompt, backend: Backend) -> None:
        super().__init__(task, backend)
        self._config, self._parts = config, prompt.parts
        low, top = task.rating_scale
        self._scale = {"low": f"{low:g}", "top": f"{top:g}"}
        self.opening = FORM.filled(prompt.opening, **self._scale)
        self.line = cache(self._line)

    def profile(self, user: int) -> Tokens:
        """What is known of a viewer."""
        taste = self._taste(user, self._config.liked, self._config.disliked)
        words = self._parts["profile"]
        return self._encoded(profile_text(FORM, words, map(self.name, taste.liked), map(self.name, taste.disliked)))

    def lessons(self, lessons: Iterable[str]) -> Tokens:
        """Reflections that were recalled; nothing where there are none."""
        words = self._parts["lessons"]
        lines = [
            FORM.filled(words["lesson"], lesson=clean(lesson, self._backend.special, _LESSON)) for lesson in lessons
        ]
        return self._encoded(words["heading"] + "".join(lines)) if lines else ()

    def history(self, session: Session, start: int, shown: int = 0) -> Tokens:
        """The lines of a session's films that were not shown yet.

        Args:
            session: The session.
            start: The first film that prompts show.
            shown: Films whose lines the prompt has already; 0 for none.
        """
        heading = self.heading(start) if shown <= start < len(session) else ()
        films = zip(session.items, session.ratings, strict=True)
        lines = [self.line(session.user, item, rating) for item, rating in films]
        return (*heading, *(token for line in lines[max(start, shown) :] for token in line))

    def heading(self, left_out: int) -> Tokens:
        """What stands above the lines."""
        words = self._parts["history"]
        return self._text(words["heading"] + (words["left_out"] if left_out else ""), count=left_out)

    def advice(self, pleased: Sequence[int], disappointed: Sequence[int]) -> Tokens:
        """Films that are encouraged and discouraged; nothing where there are none."""
        words, text = self._parts["advice"], ""
        for kind, items in (("pleased", pleased), ("disappointed", disappointed)):
            lines = "".join(FORM.filled(words[kind], title=self.name(item)) for item in items)
            text += words[f"{kind}_heading"] + lines if lines else ""
        return self._encoded(text)

    def outcome(self, session: Session, left: bool) -> Tokens:
        """How a session ended."""
        best, worst = (session.items[choose(session.ratings)] for choose in (np.argmax, np.argmin))
        values = {"count": len(session), "mean": f"{np.mean(session.ratings):.1f}"}
        values |= {"best": self.name(best), "best_genres": self._genres(best)}
        values |= {"worst": self.name(worst), "worst_genres": self._genres(worst)}
        return self._text(self._parts["reflector"]["left" if left else "stayed"], **values)

    def speech(self, part: str, limit: int) -> Speech:
        """The words around what a module writes."""
        words = self._parts[part]
        return Speech(self._text(words["ask"] + words["begins"]), self._text(words["ends"]), limit, self._stops)

    def said(self, part: str, answer: Tokens) -> str:
        """An answer as a reader sees it, with the words that it begins with; "" where it is empty."""
        text = self._parts[part]["begins"] + self._backend.decode(answer)
        return " ".join(text.split()) if answer else ""

    def ask(self, part: str) -> Tokens:
        """The words that ask for a grade or a title."""
        return self._text(self._parts[part]["ask"])

    def situation(self, session: Session) -> str:
        """A session so far in a few words, to be compared with others: what is loved, and what was shown last."""
        loved = [self.name(item) for item in self._taste(session.user, _DEAREST, 0).liked]
        films = list(zip(session.items, session.ratings, strict=True))[-_LATEST:]
        latest = [f"{self.name(item)} {rating:.1f}" for item, rating in films]
        return f"loves {'; '.join(loved)}" + (f". shown {'; '.join(latest)}" if latest else "")

    @cached_property
    def fixed(self) -> int:
        """Tokens of all words that a step may ask with."""
        texts = [text for part in self._parts.values() for text in part.values()]
        return sum(len(self._encoded(text)) for text in texts)

    @cached_property
    def everybody(self) -> list[Tokens]:
        """Some viewers who love what everybody knows, asked for a title."""
        words, asked = self._parts["profile"], self.ask("choice")
        texts = (profile_text(FORM, words, map(self.name, liked), []) for liked in self.everybody_likes())
        return [(*self._encoded(text), *asked) for text in texts]

    def _line(self, user: int, item: int, rating: float) -> Tokens:
        words = self._parts["history"]["liked" if rating >= self.middle(user) else "disliked"]
        return self._text(words, title=self.name(item), genres=self._genres(item), rating=f"{rating:.1f}")

    def _genres(self, item: int) -> str:
        return clean(", ".join(self._task.catalogue.genres_of(item)).lower(), self._backend.special)

    def _taste(self, user: int, liked: int, disliked: int) -> Taste:
        users = self._task.users
        return Taste.of(users.profile_items[user], users.profile_ratings[user], liked, disliked)

    def _text(self, words: str, **values: object) -> Tokens:
        return self._encoded(FORM.filled(words, **self._scale | values))

    @cached_property
    def _stops(self) -> frozenset[int]:
        return stops(self._backend)
