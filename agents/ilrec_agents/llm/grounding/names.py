"""Titles as people write them: with or without year, article first or last, in any case, with or without accents."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence

_YEAR = re.compile(r"(?P<name>.*?\S)\s*\((?P<year>\d{4})\)?")
_WRAPPED = re.compile(r"^\s*(?:[-*•>]+|\d+[.)](?=\s+\S))?\s*(?:recommend\s*\[)?", re.IGNORECASE)
_ARTICLES = "the|a|an|le|la|les|l'|il|lo|der|die|das|el|los|las|un|une"
_LAST = re.compile(rf"(?P<name>.*\S),\s*(?P<article>{_ARTICLES})$", re.IGNORECASE)
_FIRST = re.compile(r"(?:the|a|an) (?P<name>.*)")
_ASIDE = re.compile(r"\(([^()]*)\)")


class TitleFinder:
    """Finds the titles that a piece of text names exactly.

    Args:
        titles: ``(I,)`` the catalogue.
    """

    def __init__(self, titles: Sequence[str]) -> None:
        self._items: dict[str, list[int]] = defaultdict(list)
        self._years = [_parted(title)[1] for title in titles]
        for item, title in enumerate(titles):
            for key in _keys(_parted(title)[0]):
                self._items[key].append(item)
        self._without_article: dict[str, list[int]] = defaultdict(list)
        for key, items in self._items.items():
            if found := _FIRST.fullmatch(key):
                self._without_article[found["name"]] += items

    def find(self, said: str) -> tuple[int, ...]:
        """The items that a text names; several where films share a name, none where it is no title.

        A year that is given has to be the film's; a leading article may be left off.
        """
        name, year = _parted(_WRAPPED.sub("", said))
        key = _plain(_article_first(name))
        for table in (self._items, self._without_article):
            found = [item for item in table.get(key, ()) if not year or self._years[item] == year]
            if key and found:
                return tuple(found)
        return ()


def _parted(title: str) -> tuple[str, str]:
    """Name and year of a title; what follows the year is no part of it. The year is "" where there is none."""
    found = _YEAR.match(title)
    return (found["name"], found["year"]) if found else (title, "")


def _keys(name: str) -> set[str]:
    """Plain forms under which a title is found: whole, without what stands in brackets, and that by itself."""
    forms = [name, _ASIDE.sub(" ", name)]
    forms += [re.sub(r"^a\.?k\.?a\.? ", "", aside, flags=re.IGNORECASE) for aside in _ASIDE.findall(name)]
    return {key for form in forms if (key := _plain(_article_first(form.strip())))}


def _article_first(name: str) -> str:
    """From "Matrix, The" to "The Matrix"."""
    found = _LAST.fullmatch(name.strip(" \"'“”‘’[].!"))
    return f"{found['article']} {found['name']}" if found else name


def _plain(name: str) -> str:
    """Letters and digits in lower case, words one space apart, accents off."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    return " ".join(re.sub(r"['’`]", "", bare.replace("&", " and ")).translate(_SPACES).split())


class _Spaces(dict[int, str]):
    """Everything but letters and digits becomes a space."""

    def __missing__(self, point: int) -> str:
        self[point] = chr(point) if chr(point).isalnum() else " "
        return self[point]


_SPACES = _Spaces()
