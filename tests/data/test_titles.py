from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilrec_gym.data import InteractionData, readable_title
from ilrec_gym.data.titles import _ARTICLES

KNOWN = [
    ("Toy Story (1995)", "Toy Story (1995)", 1995),
    ("Matrix, The (1999)", "The Matrix (1999)", 1999),
    ("Beautiful Mind, A (2001)", "A Beautiful Mind (2001)", 2001),
    ("Affair to Remember, An (1957)", "An Affair to Remember (1957)", 1957),
    ("Good, the Bad and the Ugly, The (Buono, il brutto, il cattivo, Il) (1966)",
     "The Good, the Bad and the Ugly (Il Buono, il brutto, il cattivo) (1966)", 1966),
    ("City of Lost Children, The (Cité des enfants perdus, La) (1995)",
     "The City of Lost Children (La Cité des enfants perdus) (1995)", 1995),
    ("Amelie (Fabuleux destin d'Amélie Poulain, Le) (2001)",
     "Amelie (Le Fabuleux destin d'Amélie Poulain) (2001)", 2001),
    ("Misérables, Les (1995)", "Les Misérables (1995)", 1995),
    ("Atalante, L' (1934)", "L'Atalante (1934)", 1934),
    ("School of Flesh, The (L' École de la chair) (1998)", "The School of Flesh (L'École de la chair) (1998)", 1998),
    ("Woman Is a Woman, A (femme est une femme, Une) (1961)",
     "A Woman Is a Woman (Une femme est une femme) (1961)", 1961),
    ("Postino, Il (The Postman) (1994)", "Il Postino (The Postman) (1994)", 1994),
    ("Vitelloni, I (a.k.a. The Young and the Passionate) (1953)",
     "I Vitelloni (a.k.a. The Young and the Passionate) (1953)", 1953),
    ("Impossible, The (Imposible, Lo) (2012)", "The Impossible (Lo Imposible) (2012)", 2012),
    ("Young and the Damned, The (Olvidados, Los) (1950)", "The Young and the Damned (Los Olvidados) (1950)", 1950),
    ("Pan's Labyrinth (Laberinto del fauno, El) (2006)", "Pan's Labyrinth (El Laberinto del fauno) (2006)", 2006),
    ("Boot, Das (Boat, The) (1981)", "Das Boot (The Boat) (1981)", 1981),
    ("Wings of Desire (Himmel über Berlin, Der) (1987)", "Wings of Desire (Der Himmel über Berlin) (1987)", 1987),
    ("Seventh Seal, The (Sjunde inseglet, Det) (1957)", "The Seventh Seal (Det Sjunde inseglet) (1957)", 1957),
    ("Passion of Anna, The (Passion, En) (1969)", "The Passion of Anna (En Passion) (1969)", 1969),
    ("Green Butchers, The (Grønne slagtere, De) (2003)", "The Green Butchers (De Grønne slagtere) (2003)", 2003),
    ("Convent, The (Convento, O) (1995)", "The Convent (O Convento) (1995)", 1995),
    ("Hip Hop Witch, Da (2000)", "Da Hip Hop Witch (2000)", 2000),
    ("Trou, Le (Hole, The) (Night Watch, The) (1960)", "Le Trou (The Hole) (The Night Watch) (1960)", 1960),
    ("Macbeth (a.k.a. Tragedy of Macbeth, The) (1971)", "Macbeth (a.k.a. The Tragedy of Macbeth) (1971)", 1971),
    ("Besieged (a.k.a. L' Assedio) (1998)", "Besieged (a.k.a. L'Assedio) (1998)", 1998),
    ("Asterix in America (a.k.a Asterix Conquers America) (Astérix et les Indiens) (1994)",
     "Asterix in America (a.k.a Asterix Conquers America) (Astérix et les Indiens) (1994)", 1994),
    ("Associate, The (L'Associe)(1982)", "The Associate (L'Associe) (1982)", 1982),
    ("Blind Side, The  (2009)", "The Blind Side (2009)", 2009),
    ("Autumn Sonata (Höstsonaten ) (1978)", "Autumn Sonata (Höstsonaten) (1978)", 1978),
    ("Runaway Brain (1995) ", "Runaway Brain (1995)", 1995),
    ("Land Before Time III: The Time of the Great Giving (1995) (V)",
     "Land Before Time III: The Time of the Great Giving (1995)", 1995),
    ("And God Created Woman (Et Dieu&#8230;Créa la Femme) (1956)",
     "And God Created Woman (Et Dieu…Créa la Femme) (1956)", 1956),
    ("Death Note: Desu nôto (2006–2007)", "Death Note: Desu nôto (2006–2007)", 2006),
    ("Office, The (2005-)", "The Office (2005-)", 2005),
    ("Moonlight", "Moonlight", 0),
    ("OA, The", "The OA", 0),
    ("unknown", "unknown", 0),
    ("1984 (Nineteen Eighty-Four) (1984)", "1984 (Nineteen Eighty-Four) (1984)", 1984),
    ("(500) Days of Summer (2009)", "(500) Days of Summer (2009)", 2009),
    ("1-900 (06) (1994)", "1-900 (06) (1994)", 1994),
    ("[REC]³ 3 Génesis (2012)", "[REC]³ 3 Génesis (2012)", 2012),
    ("Birdman: Or (The Unexpected Virtue of Ignorance) (2014)",
     "Birdman: Or (The Unexpected Virtue of Ignorance) (2014)", 2014),
    ("Lust, Caution (Se, jie) (2007)", "Lust, Caution (Se, jie) (2007)", 2007),
    ("McFarland, USA (2015)", "McFarland, USA (2015)", 2015),
    ("(1999)", "(1999)", 0),
    ("", "", 0),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "title", "year"), KNOWN, ids=[raw for raw, _, _ in KNOWN])
def test_known_titles(raw: str, title: str, year: int) -> None:
    assert readable_title(raw) == (title, year)


# Names without what has a meaning in a title: commas, parentheses, entities
NAMES = st.text(st.characters(codec="utf-8", exclude_characters=",()&", exclude_categories=["C", "Z"]), min_size=1)
YEARS = st.integers(1874, 2100)


@given(name=NAMES, article=st.sampled_from(_ARTICLES), year=YEARS)
def test_an_article_goes_to_the_front(name: str, article: str, year: int) -> None:
    assert readable_title(f"{name}, {article} ({year})") == (f"{article} {name} ({year})", year)


@given(name=NAMES, alias=NAMES, year=YEARS)
def test_a_title_in_parentheses_gets_its_article_too(name: str, alias: str, year: int) -> None:
    title, found = readable_title(f"{name}, The (a.k.a. {alias}, The) ({year})")
    assert (title, found) == (f"The {name} (a.k.a. The {alias}) ({year})", year)


@given(st.text())
def test_any_text_is_taken_and_the_result_stays_as_it_is(raw: str) -> None:
    title, year = readable_title(raw)
    assert "\n" not in title and (year == 0 or f"({year}" in title)
    if not any(mark in raw for mark in "(),&'"):
        assert title == " ".join(raw.split())


def test_bundled_titles_are_in_their_final_form(bundled: InteractionData) -> None:
    _in_final_form(bundled.items.title)
    assert sum(year == 0 for year in bundled.items.year) == 12
    assert all(title.endswith(f"({year})") for title, year in zip(bundled.items.title, bundled.items.year, strict=True)
               if year and "–" not in title)  # fmt: skip


@pytest.mark.ml1m
def test_every_title_of_the_three_sets(ml_data_dir: Path) -> None:
    with zipfile.ZipFile(ml_data_dir / "ml-latest-small.zip") as archive:
        rows = list(csv.reader(io.StringIO(archive.read("ml-latest-small/movies.csv").decode())))
    raw = [row[1] for row in rows[1:]]
    with zipfile.ZipFile(ml_data_dir / "ml-1m.zip") as archive:
        raw += [line.split("::")[1] for line in archive.read("ml-1m/movies.dat").decode("latin-1").splitlines()]
    with zipfile.ZipFile(ml_data_dir / "ml-100k.zip") as archive:
        raw += [line.split("|")[1] for line in archive.read("ml-100k/u.item").decode("latin-1").splitlines()]
    assert len(raw) == 9742 + 3883 + 1682
    _in_final_form([readable_title(title)[0] for title in raw])


def _in_final_form(titles: list[str] | tuple[str, ...]) -> None:
    for title in titles:
        assert readable_title(title)[0] == title
        assert "  " not in title and " )" not in title and "&#" not in title
        for article in ("The", "A", "An", "La", "Le", "Les", "L'", "Il", "El", "Der", "Die", "Das"):
            assert f", {article})" not in title and f", {article} (" not in title
