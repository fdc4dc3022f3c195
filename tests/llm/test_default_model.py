"""The default model itself: that it is whole, sane, and tells viewers apart."""

import re
from dataclasses import replace

import numpy as np
import pytest

from ilrec_agents.llm.actor import LLMAgent
from ilrec_agents.llm.agent import Asked
from ilrec_agents.llm.config import LLMConfig
from ilrec_agents.llm.models.known import DEFAULT, pull

pytestmark = [pytest.mark.slow_llm, pytest.mark.timeout(600)]  # the first time it is downloaded

HORROR = [
    "The Shining (1980)",
    "Halloween (1978)",
    "A Nightmare on Elm Street (1984)",
    "Friday the 13th (1980)",
    "The Exorcist (1973)",
    "Scream (1996)",
    "The Omen (1976)",
    "Hellraiser (1987)",
]
CHILDREN = [
    "Toy Story (1995)",
    "The Lion King (1994)",
    "Finding Nemo (2003)",
    "Aladdin (1992)",
    "Monsters, Inc. (2001)",
    "Shrek (2001)",
    "Mulan (1998)",
    "Beauty and the Beast (1991)",
]
OFFERED = [
    "Poltergeist (1982)",
    "Saw (2004)",
    "Carrie (1976)",
    "The Ring (2002)",
    "The Texas Chainsaw Massacre (1974)",
    "Pinocchio (1940)",
    "Bambi (1942)",
    "The Little Mermaid (1989)",
    "Toy Story 2 (1999)",
    "A Bug's Life (1998)",
]  # five of each kind


@pytest.fixture(scope="module")
def model():
    from ilrec_agents.llm.backends.transformers_backend import TransformersBackend

    pull(DEFAULT)
    return TransformersBackend(DEFAULT, dtype="float32")


@pytest.fixture(scope="module")
def scored(task, model):
    """A function: scores (viewers, films) of OFFERED for viewers with these profiles, choices and notes."""
    index = {title: item for item, title in enumerate(task.catalogue.titles)}
    width = len(OFFERED)

    def play(profiles):
        n = len(profiles)
        agent = LLMAgent(
            replace(task, users=_users(task, index, profiles), n_candidates=width, n_actions=width),
            LLMConfig(shortlist=width),
            backend=model,
        )
        infos = {
            "user_index": np.arange(n),
            "candidates": np.tile([index[title] for title in OFFERED], (n, 1)),
            "step": np.zeros(n, int),
            "seed": np.arange(n),
            "session": np.zeros(n, int),
            "running": np.ones(n, bool),
            "history_items": np.full((n, 5), -1),
            "history_ratings": np.full((n, 5), np.nan),
        }
        actions = agent.act(np.zeros((n, 1), np.float32), infos | {"action_mask": np.ones((n, width), bool)})
        places = np.tile(np.arange(width), (n, 1))
        asked = Asked(np.arange(n), places, infos["candidates"], np.ones((n, width), bool), np.zeros(n))
        thoughts = agent._think(infos, asked, 0.0)
        return np.array([thought.scores for thought in thoughts]), actions, agent.explain()

    return play


def _users(task, index, profiles):
    n = len(profiles)
    items, ratings = np.full((n, 20), -1, np.int32), np.full((n, 20), np.nan)
    for row, titles in enumerate(profiles):
        items[row, : len(titles)], ratings[row, : len(titles)] = [index[title] for title in titles], 5.0
    return replace(
        task.users, ids=np.arange(n), is_test=np.zeros(n, bool), profile_items=items, profile_ratings=ratings
    )


def test_it_answers_sensibly_through_its_chat_template(model):
    text = model._tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}], tokenize=False, add_generation_prompt=True
    )
    assert text.startswith("<|im_start|>system") and text.endswith("<|im_start|>assistant\n")
    context = model.open(text)
    assert "Paris" in model.decode(context.write(12, frozenset({model.end}))[0])
    assert model.decode([model.end]) == "" and "<|im_end|>" in model.special


def test_its_tokenizer_is_right_on_every_title(model, task):
    """As the original cuts: every digit alone, no token added, nothing lost."""
    for title in task.catalogue.titles:
        tokens = model.encode(" " + title)
        assert model.decode(tokens) == " " + title
        pieces = [model.decode([token]) for token in tokens]
        assert not [piece for piece in pieces if re.search(r"\d", piece) and len(piece.strip("\ufffd")) > 1], title


def test_a_horror_fan_and_a_family_are_told_apart(scored):
    """The offer is the same. Of every horror film and every children's film, which suits whom better?"""
    (fan, family), choices, notes = scored([HORROR, CHILDREN])
    lean = fan - family  # how much more a film suits the horror fan
    right = (lean[:5, None] > lean[None, 5:]).mean()
    assert right >= 0.8, dict(zip(OFFERED, lean.round(2), strict=True))
    assert choices[0] != choices[1]
    assert all(note["reason"].startswith("films about ") for note in notes)


def test_the_same_offer_to_different_viewers_gives_different_choices(scored, task):
    titles = task.catalogue.titles
    users = np.flatnonzero(~task.users.is_test)[:12]
    profiles = [[titles[item] for item in task.users.profile_items[user][:10] if item >= 0] for user in users]
    scores, choices, notes = scored(profiles)
    assert (scores.argmax(axis=1) == choices).all()
    assert len(set(choices.tolist())) >= 4 and np.bincount(choices).max() <= 0.7 * len(users), np.bincount(choices)
    assert len({note["reason"] for note in notes}) >= 4
