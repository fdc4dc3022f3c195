"""The actor's prompt, made of parts that are read once, once per session, and at every step."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from ilrec_gym.errors import ArtefactError, unknown_name

_PARTS: dict[str, tuple[str, ...]] = {
    "profile": ("disliked_heading", "disliked", "liked_heading", "liked"),
    "step": ("history_heading", "history_liked", "history_disliked", "reason", "reason_end", "choice"),
}
_LONGEST = 100  # characters of a title; the longest real ones stay whole
_NAMES: dict[str, str] = {"title": "", "rating": "", "top": ""}


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
        own = Path(name)
        if own.suffix == ".toml":
            if not own.is_file():
                raise ArtefactError("a prompt file must exist", received=str(name), cause="a wrong path")
            return cls._parsed(own.read_bytes(), str(own))
        if name not in prompts():
            raise unknown_name("prompt (a version, or the path of a .toml file)", name, prompts())
        return cls._parsed((_folder() / f"{name}.toml").read_bytes(), str(name))

    def profile_text(self, liked: Iterable[str], disliked: Iterable[str]) -> str:
        """What is known of the viewer when the session begins."""
        parts = []
        for kind, titles in (("disliked", disliked), ("liked", liked)):
            lines = "".join(_filled(self.profile[kind], title=title) for title in titles)
            parts.append(self.profile[f"{kind}_heading"] + lines if lines else "")
        return "".join(parts)

    def step_text(self, history: Iterable[tuple[str, float, bool]], top: float) -> str:
        """The session so far, up to the words that ask for a reason.

        Args:
            history: Titles, ratings, and whether the viewer liked it by their own measure; oldest first.
            top: The highest rating.
        """
        lines = "".join(
            _filled(self.step[f"history_{kind}"], title=title, rating=f"{rating:.1f}", top=f"{top:g}")
            for title, rating, kind in ((t, r, "liked" if liked else "disliked") for t, r, liked in history)
        )
        return self.step["history_heading"] + lines if lines else ""

    @classmethod
    def _parsed(cls, content: bytes, name: str) -> Prompt:
        try:
            found = tomllib.loads(content.decode("utf-8"))
        except ValueError as error:
            raise ArtefactError(f"the prompt {name} must be TOML in UTF-8", received=str(error)) from error
        missing = [key for key in ("version", "opening") if not isinstance(found.get(key), str) or not found[key]]
        for part, keys in _PARTS.items():
            table = found[part] if isinstance(found.get(part), dict) else {}
            missing += [f"{part}.{key}" for key in keys if not isinstance(table.get(key), str)]
        if missing:
            raise ArtefactError(
                f"the prompt {name} must have the text entries {', '.join(missing)}",
                cause="an entry that is missing, or not a text",
                fix="start from a copy of act_v1.toml",
            )
        for part in _PARTS:
            for key, text in found[part].items():
                _checked(text, f"{part}.{key}", name)
        return cls(found["version"], found["opening"], found["profile"], found["step"])


def prompts() -> list[str]:
    """Versions that come with the package."""
    return sorted(file.name.removesuffix(".toml") for file in _folder().iterdir() if file.name.endswith(".toml"))


def clean(title: str, special: Sequence[str] = ()) -> str:
    """A title on one line, of bounded length, with nothing that a tokenizer would read as a control token.

    What a title says is left as it is: it stands in a list of titles, and only titles on offer can be recommended.
    """
    for token in special:
        if token and token in title:
            title = title.replace(token, " ".join(token))
    title = " ".join("".join(c if c.isprintable() else " " for c in title).split())
    return title if len(title) <= _LONGEST else title[: _LONGEST - 1].rstrip() + "…"


def _filled(line: str, **values: str) -> str:
    return Template(line).substitute(_NAMES | values)


def _checked(text: str, key: str, name: str) -> None:
    try:
        Template(text).substitute(_NAMES)
    except (KeyError, ValueError) as error:
        raise ArtefactError(
            f"the prompt {name} may use $title, $rating and $top only (a dollar sign is $$)",
            received=f"{key}: {text!r}",
        ) from error


def _folder() -> Any:
    return resources.files("ilrec_agents.llm") / "prompts"
