"""Finds an item by its title as people write it: exactly, without regard to spelling, or by its name alone."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data.titles import readable_title
from ilrec_gym.errors import UsageError


class TitleIndex:
    """The items of a catalogue by title.

    A title is looked up as it stands; then without regard to case, accents, punctuation and where the article stands;
    then by its name without what stands in parentheses, and the year; then, where no year was given, without the year,
    and by the name alone.

    Args:
        titles: One for each item.
        popularity: ``(I,)`` numbers; of items with one and the same title the most popular is found.
    """

    def __init__(self, titles: Sequence[str], popularity: NDArray[np.integer]) -> None:
        self.titles, self._popularity = tuple(titles), popularity
        self._items: dict[_Key, dict[Hashable, list[int]]] = {}

    def find(self, title: str, among: Collection[int] | None = None) -> int:
        """The item that a title stands for.

        Args:
            title: As somebody wrote it.
            among: Only these items; None for all.

        Raises:
            UsageError: No such title, one that is not among the items, or one that fits several.
        """
        if not isinstance(title, str):
            raise UsageError("a title must be text", received=title, cause="an item's index in place of its title")
        known = False
        for key, key_of_items in _LEVELS:
            named = self._by(key_of_items).get(key(title), [])
            known = known or bool(named)
            items = [item for item in named if among is None or item in among]
            if len({self.titles[item] for item in items}) > 1:
                raise UsageError(
                    "a title must fit one item",
                    received=title,
                    cause=f"it fits {_listed(self.titles[item] for item in items)}",
                    fix="write the whole title, with its year",
                )
            if items:
                return max(items, key=lambda item: int(self._popularity[item]))
        raise self._unknown(title, known, among)

    def _by(self, key: _Key) -> dict[Hashable, list[int]]:
        """Items by a key of their titles, made when it is first needed."""
        if key not in self._items:
            found = self._items[key] = {}
            for item, title in enumerate(self.titles):
                found.setdefault(key(title), []).append(item)
        return self._items[key]

    def _unknown(self, title: str, known: bool, among: Collection[int] | None) -> UsageError:
        open_to = self.titles if among is None else [self.titles[item] for item in sorted(among)]
        near = difflib.get_close_matches(title, open_to, n=3, cutoff=0.5)
        return UsageError(
            "a title must be that of an item" + (" on offer" if among is not None else " of the catalogue"),
            received=title,
            cause="not on offer now, though in the catalogue" if known else "a title that was made up or misspelt",
            fix=f"did you mean {_listed(near)}?" if near else f"choose among {_listed(open_to)}",
        )


_Key = Callable[[str], Hashable]
_PARENTHESES, _YEAR, _WORDS = re.compile(r"\([^()]*\)"), re.compile(r" *\(\d{4}\)$"), re.compile(r"[^\W_]+")


def _spelling(title: str) -> str:
    """The words of a title, without case, accents and punctuation, articles first."""
    readable, _ = readable_title(title.title())  # articles are known by their capital letter
    plain = unicodedata.normalize("NFKD", readable).casefold().replace("&", " and ")
    return " ".join(_WORDS.findall("".join(letter for letter in plain if not unicodedata.combining(letter))))


def _name(title: str) -> str:
    """The name without what stands in parentheses: the year, and other names."""
    return _spelling(_PARENTHESES.sub(" ", readable_title(title)[0])) or _spelling(title)


def _name_and_year(title: str) -> Hashable:
    return _name(title), readable_title(title)[1]


def _without_year(title: str) -> Hashable:
    return _spelling(_YEAR.sub("", title))


def _without_year_given(title: str) -> Hashable:
    return None if readable_title(title)[1] else _spelling(title)


def _name_without_year(title: str) -> Hashable:
    return None if readable_title(title)[1] else _name(title)


# How a title that is looked up is compared, and with what of the items' titles.
_LEVELS: tuple[tuple[_Key, _Key], ...] = (
    (str, str),
    (_spelling, _spelling),
    (_name_and_year, _name_and_year),
    (_without_year_given, _without_year),
    (_name_without_year, _name),
)


def _listed(titles: Iterable[str]) -> str:
    shown = sorted(set(titles))
    return ", ".join(repr(title) for title in shown[:5]) + (", …" if len(shown) > 5 else "")
