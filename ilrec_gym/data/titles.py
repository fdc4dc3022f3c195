"""MovieLens titles as people write them: "Matrix, The (1999)" is "The Matrix (1999)"."""

from __future__ import annotations

import html
import re

# As they stand at the end of a MovieLens title, after a comma; case counts ("Se, jie" has no article).
_ARTICLES = (
    *("The", "A", "An", "Da"),  # English; "Da Hip Hop Witch"
    *("Le", "La", "Les", "Un", "Une", "De"),  # French; "De battre mon coeur s'est arrêté"; De is also Danish
    *("Il", "Lo", "I", "Gli", "Uno", "Una"),  # Italian
    *("El", "Los", "Las"),  # Spanish
    *("Der", "Die", "Das", "Ein", "Eine"),  # German
    *("O", "Os", "Um", "Uma"),  # Portuguese
    *("Den", "Det", "En", "Ett", "Et", "Het", "Een"),  # Scandinavian and Dutch
)
_LAST_WORD = re.compile(rf"(?P<rest>.*\S), (?:(?P<word>{'|'.join(_ARTICLES)})|(?P<elided>L'))$")
_ALIAS = re.compile(r"(a\.?k\.?a\.?) +(?=\S)", re.IGNORECASE)
_YEAR = re.compile(r"\s*\((?P<year>\d{4})(?P<until>[-–]\d{0,4})?\)(?: ?\(V\))?$")  # "(V)": made for video
_PARENTHESES = re.compile(r"(\([^()]*\))")
_CODE_POINT = re.compile(r"&#\d+;")


def readable_title(raw: str) -> tuple[str, int]:
    """A MovieLens title as people write it, and its year.

    Articles go to the front, also within parentheses; surplus spaces go; the year stays at the end.
    What is in this form already stays as it is.

    Args:
        raw: The title as the source has it, e.g. "City of Lost Children, The (Cité des enfants perdus, La) (1995)".

    Returns:
        The title, e.g. "The City of Lost Children (La Cité des enfants perdus) (1995)", and the year, 0 if it has
        none. A range such as "(2006–2007)" stays in the title and counts as its first year.
    """
    text = " ".join(_CODE_POINT.sub(lambda match: html.unescape(match[0]), raw).split())
    found = _YEAR.search(text)
    body = text[: found.start()] if found else text
    if not body:  # a film that is called by a year alone
        return text, 0
    title = "".join(_natural(part) for part in _PARENTHESES.split(body))
    if found is None:
        return title, 0
    return f"{title} ({found['year']}{found['until'] or ''})", int(found["year"])


def _natural(part: str) -> str:
    if part.startswith("("):
        inside = part[1:-1].strip()
        alias = _ALIAS.match(inside)
        start = alias.end() if alias else 0
        return f"({inside[:start]}{_article_first(inside[start:])})"
    core = part.strip()
    return part.replace(core, _article_first(core)) if core else part


def _article_first(name: str) -> str:
    name = re.sub(r"\bL' (?=\w)", "L'", name)
    found = _LAST_WORD.match(name)
    if found is None:
        return name
    return f"{found['word']} {found['rest']}" if found["word"] else f"L'{found['rest']}"
