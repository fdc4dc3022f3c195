"""The actor's prompt, made of parts that are read once, once per session, and at every step."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ilrec_agents.llm.prompt_file import Form, versions

_FORM = Form(
    kind="act",
    parts={
        "profile": ("disliked_heading", "disliked", "liked_heading", "liked"),
        "step": ("history_heading", "history_liked", "history_disliked", "reason", "reason_end", "choice"),
    },
    names=("title", "rating", "top"),
)
_LONGEST = 100  # characters of a title; of the 3,650 bundled ones, one is longer
_BYTES = 1.6  # bytes that may stay for each of these characters
CONTROL = re.compile(r"<\|[^|>]*\|>|</?s>|\[/?INST\]|<</?SYS>>|</?(?:start|end)_of_turn>|<(?:bos|eos|pad|unk)>", re.I)
"""Control tokens of well-known models, as text."""


@dataclass(frozen=True)
class Prompt:
    """A prompt file.

    Attributes:
        version: Its name, for cards.
        opening: Beginning of every text.
        profile: Headings and lines for liked and disliked films.
        step: Heading and line of the session's films, and the words that ask for a reason and for a film.
    """

    version: str
    opening: str
    profile: Mapping[str, str]
    step: Mapping[str, str]

    @classmethod
    def load(cls, name: str | Path = "act_v1") -> Prompt:
        """Read a prompt that comes with the package, by version, or one of the user's, by path.

        Raises:
            UnknownNameError: No such version and no such file.
            ArtefactError: The file is not a prompt.
        """
        found = _FORM.read(name)
        return cls(found["version"], found["opening"], found["profile"], found["step"])

    def opening_text(self, top: float) -> str:
        """The beginning, where ``top`` is the highest rating."""
        return _FORM.filled(self.opening, top=f"{top:g}")

    def profile_text(self, liked: Iterable[str], disliked: Iterable[str]) -> str:
        """What is known of the viewer when the session begins."""
        return profile_text(_FORM, self.profile, liked, disliked)

    def step_text(self, history: Iterable[tuple[str, float, bool]], top: float) -> str:
        """The session so far, up to the words that ask for a reason.

        Args:
            history: Titles, ratings, and whether the viewer liked it by their own measure; oldest first.
            top: The highest rating.
        """
        lines = "".join(
            _FORM.filled(self.step[f"history_{kind}"], title=title, rating=f"{rating:.1f}", top=f"{top:g}")
            for title, rating, kind in ((t, r, "liked" if liked else "disliked") for t, r, liked in history)
        )
        return self.step["history_heading"] + lines if lines else ""


def prompts() -> list[str]:
    """Versions of this prompt that come with the package."""
    return versions(_FORM.kind)


def profile_text(form: Form, words: Mapping[str, str], liked: Iterable[str], disliked: Iterable[str]) -> str:
    """Disliked films, then liked ones, each under its heading; an empty list has none."""
    parts = []
    for kind, titles in (("disliked", disliked), ("liked", liked)):
        lines = "".join(form.filled(words[kind], title=title) for title in titles)
        parts.append(words[f"{kind}_heading"] + lines if lines else "")
    return "".join(parts)


def clean(title: str, special: Sequence[str] = (), longest: int = _LONGEST) -> str:
    """A title on one line, of bounded length, with nothing that a tokenizer would read as a control token.

    What a title says is left as it is: it stands in a list of titles, and only titles on offer can be recommended.

    Args:
        title: Any text.
        special: The model's own control tokens; those of other models are taken apart too, because a model behind a
            server does not tell.
        longest: Characters that may stay. The bytes are bounded as well: of some scripts each byte is a token.
    """
    for token in special:
        if token and token in title:
            title = title.replace(token, " ".join(token))
    title = CONTROL.sub(lambda found: " ".join(found[0]), title)
    title = " ".join("".join(c if c.isprintable() else " " for c in title).split())
    if len(title) <= longest and len(title.encode()) <= _BYTES * longest:
        return title
    return title.encode()[: int(_BYTES * longest) - 3].decode(errors="ignore")[: longest - 1].rstrip() + "…"
