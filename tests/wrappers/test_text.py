"""Sessions in words: titles are found as people write them, and what fits nothing, or several films, says so."""

import unicodedata

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilrec_gym.data.title_index import TitleIndex
from ilrec_gym.data.titles import readable_title
from ilrec_gym.envs.rendering import render_session
from ilrec_gym.errors import UsageError
from ilrec_gym.simulation.scenario import load_scenario
from ilrec_gym.wrappers import Candidates, ItemEmbeddingAction, TextAction, TextObservation

from .conftest import OFFERED, WHOLE

CATALOGUE = load_scenario().catalogue
INDEX = TitleIndex(CATALOGUE.titles, CATALOGUE.popularity)
FILMS = TitleIndex(
    ["The Thing (1982)", "The Thing (2011)", "Amélie (Le Fabuleux destin d'Amélie Poulain) (2001)", "Se7en (1995)",
     "Twin (2000)", "Twin (2000)", "Fast & Furious (2009)", "(500) Days of Summer (2009)", "2001"],
    np.array([1, 2, 3, 4, 5, 9, 7, 8, 9]),
)  # fmt: skip


def test_every_title_finds_its_film():
    for item, title in enumerate(CATALOGUE.titles):
        found = INDEX.find(title)
        assert CATALOGUE.titles[found] == title
        assert CATALOGUE.popularity[found] >= CATALOGUE.popularity[item]


@given(st.integers(0, len(CATALOGUE) - 1), st.sampled_from(["upper", "lower", "bare", "spaced", "article", "quoted"]))
def test_spelling_does_not_matter(item, how):
    title = CATALOGUE.titles[item]
    written = {
        "upper": title.upper(),
        "lower": title.lower(),
        "bare": "".join(c for c in unicodedata.normalize("NFKD", title) if not unicodedata.combining(c)),
        "spaced": f"  {title.replace(' ', '   ')}\n",
        "article": f"{title[4:-7]}, The {title[-6:]}" if title.startswith("The ") and "(" not in title[:-7] else title,
        "quoted": f'"{title}."',
    }[how]
    try:
        assert CATALOGUE.titles[INDEX.find(written)] == title
    except UsageError as error:  # two titles that differ in spelling alone
        assert "fits" in str(error) and title in str(error)


@pytest.mark.parametrize(
    ("written", "item"),
    [
        ("The Thing (2011)", 1),
        ("thing, the (1982)", 0),
        ("amelie", 2),
        ("Amelie (2001)", 2),
        ("Amélie!", 2),
        ("SE7EN", 3),
        ("Twin (2000)", 5),
        ("fast and furious", 6),
        ("500 Days of Summer", 7),
        ("days of summer (2009)", 7),
        ("2001", 8),
    ],
)
def test_titles_as_people_write_them(written, item):
    assert FILMS.find(written) == item


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("The Thing", ["fit one item", "'The Thing (1982)', 'The Thing (2011)'", "year"]),
        ("The Thing (1999)", ["did you mean", "'The Thing (1982)'"]),
        ("Teh Thing (1982)", ["did you mean", "'The Thing (1982)'"]),
        ("", ["choose among", "…"]),
        ("?!", ["choose among"]),
        (3, ["must be text", "index"]),
        (None, ["must be text"]),
    ],
)
def test_titles_that_fit_nothing_or_several(written, words):
    with pytest.raises(UsageError) as caught:
        FILMS.find(written)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_among_some_only():
    assert FILMS.find("The Thing", among=[1, 4]) == 1
    assert FILMS.find("Twin (2000)", among=[4]) == 4
    with pytest.raises(UsageError, match="not on offer now") as caught:
        FILMS.find("Se7en (1995)", among=[1, 4])
    assert "choose among 'The Thing (2011)', 'Twin (2000)'" in str(caught.value)


def test_a_title_plays_its_film():
    text, plain = TextAction(gym.make(WHOLE)), gym.make(WHOLE)
    for env in (text, plain):
        env.reset(seed=3)
    item = INDEX.find("the matrix (1999)")
    first, second = text.step("The Matrix"), plain.step(item)
    assert first[1] == second[1] and first[4]["item_index"] == item


def test_a_title_on_offer_plays_its_place_and_others_play_nothing():
    env = TextAction(gym.make(OFFERED))
    _, info = env.reset(seed=3)
    offered = info["candidates"]
    other = next(i for i in range(len(CATALOGUE)) if i not in offered)
    with pytest.raises(UsageError, match="not on offer now"):
        env.step(CATALOGUE.titles[other])
    *_, info = env.step(CATALOGUE.titles[offered[7]].upper())
    assert info["item_index"] == offered[7] and info["step"] == 1
    assert {env.action_space.sample() for _ in range(400)} == {CATALOGUE.titles[i] for i in info["candidates"]}


def test_samples_are_titles():
    space = TextAction(gym.make(WHOLE)).action_space
    space.seed(0)
    drawn = [space.sample() for _ in range(50)]
    assert len(set(drawn)) > 40 and all(space.contains(title) for title in drawn)
    assert set(drawn) <= set(CATALOGUE.titles)
    with pytest.raises(UsageError, match="mask"):
        space.sample(mask=np.ones(3))


@pytest.mark.parametrize("make", [lambda: gym.make(OFFERED), lambda: Candidates(gym.make(WHOLE))])
def test_the_text_names_viewer_films_ratings_and_offers(make):
    env = TextObservation(make())
    text, info = env.reset(seed=3)
    assert f"viewer {info['user_id']}" in text and "nothing" not in text.split("\n")[-1]
    offers = text.split("on offer:\n")[1].split("\n")
    assert len(offers) == 20
    for place, item in enumerate(info["candidates"]):
        assert offers[place].startswith(f"{place:>3}: {CATALOGUE.titles[item]}  ")
    text, rating, *_, info = env.step(4)
    assert f"  1. {CATALOGUE.titles[info['item_index']]:<48.48}" in text and f" {rating:.1f}  " in text
    ended = False
    while not ended:
        text, _, terminated, truncated, info = env.step(0)
        ended = terminated or truncated
    assert "on offer" not in text and text == render_session(env.unwrapped.sessions, 0)
    assert env.observation_space.contains(text)
    assert info["observation"].dtype == np.float32


def test_without_offers_the_text_has_none():
    text, _ = TextObservation(gym.make(WHOLE)).reset(seed=0)
    assert "on offer" not in text and text.endswith("still watching")


def test_what_does_not_fit(foreign):
    for wrapper in (TextObservation, TextAction):
        with pytest.raises(UsageError, match="ilrec_gym"):
            wrapper(foreign)
    with pytest.raises(UsageError, match="Discrete"):
        TextAction(ItemEmbeddingAction(gym.make(WHOLE)))


def test_titles_are_kept_as_people_write_them():
    """The index leans on titles in readable form."""
    assert all(readable_title(title)[0] == title for title in CATALOGUE.titles)
