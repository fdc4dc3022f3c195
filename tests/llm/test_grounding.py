"""Groundings against plain enumeration: what is chosen, with which chance, and that nothing else can be."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ilrec_agents.llm.backends.scripted import ScriptedBackend
from ilrec_agents.llm.config import LLMConfig
from ilrec_agents.llm.grounding import GROUNDINGS, make_grounding
from ilrec_agents.llm.grounding.base import Material, Titles
from ilrec_agents.llm.grounding.branches import Branches
from ilrec_agents.llm.grounding.choice import drawn
from ilrec_agents.llm.grounding.names import TitleFinder
from ilrec_agents.llm.memory.encoder import make_encoder
from ilrec_agents.llm.prompt import Prompt
from ilrec_agents.llm.wording import Wording
from ilrec_gym.errors import UnknownNameError, UsageError

TITLES = ["Alien (1979)", "Aliens (1986)", "Heat (1995)", "The Matrix (1999)", "The Mummy (1999)", "Toy Story (1995)"]
VIEWER = "- Psycho (1960)\n-"


def titles_of(backend, texts=TITLES):
    """Titles whose names end before the year."""

    def title(item):
        return backend.encode(" " + texts[item]), len(backend.encode(" " + texts[item].split(" (")[0]))

    return Titles(tuple(texts), title, backend.end)


def sequences_of(backend, sequences):
    """Titles that are given as tokens."""
    return Titles(tuple(map(str, sequences)), lambda item: (tuple(sequences[item]), 1), backend.end)


def material(backend, titles=None, **settings):
    return Material(
        backend=backend,
        titles=titles or titles_of(backend),
        everybody=lambda: context_of(backend, "- Jaws\n-", "- Big\n-"),
        encoder=lambda: make_encoder("model", backend),
        **settings,
    )


def context_of(backend, *texts):
    context = backend.open("A list.\n").select([0] * len(texts))
    context.append([backend.encode(text) for text in texts])
    return context


@torch.inference_mode()
def next_token(backend, text, before):
    """log p of every next token after a text and some tokens, ``(V,)``."""
    context = context_of(backend, text)
    context.append([tuple(before)])
    return backend.logits(context.last)[0].float().log_softmax(-1).double().numpy()


def enumerated(backend, text, paths, free, temperature, prior):
    """Chance of each distinct path, from the model's full distributions and nothing of the trie's code."""
    alive = {path for path, on in zip(paths, free, strict=True) if on}

    def weight(beginning):
        below = [
            p for path, on, p in zip(paths, free, prior, strict=True) if on and path[: len(beginning)] == beginning
        ]
        return np.mean(np.exp(below))

    chances = {}
    for path in alive:
        chance = 1.0
        for k in range(len(path)):
            children = {other[: k + 1] for other in alive if other[:k] == path[:k] and len(other) > k}
            log = next_token(backend, text, path[:k])
            odds = {child: np.exp(log[child[-1]] / temperature) * weight(child) for child in children}
            chance *= odds[path[: k + 1]] / sum(odds.values())
        chances[path] = chance
    return chances


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sequences=st.lists(st.lists(st.integers(260, 263), min_size=1, max_size=3), min_size=2, max_size=6),
    masks=st.lists(st.booleans(), min_size=6, max_size=6),
    prior=st.lists(st.floats(-2, 2), min_size=6, max_size=6),
    temperature=st.sampled_from([0.5, 1.0, 3.0]),
)
@example([[260, 261, 260], [260, 261, 261], [260, 262], [261]], [True] * 6, [0.0] * 6, 20.0)
def test_constrained_choices_have_the_chances_of_plain_enumeration(backend, sequences, masks, prior, temperature):
    n, draws = len(sequences), 200
    free = np.array(masks[:n]) | (np.arange(n) == 0)
    titles = sequences_of(backend, sequences)
    grounding = make_grounding("constrained", material(backend, titles, temperature=temperature))
    context = context_of(backend, *[VIEWER] * draws)
    offered = np.tile(np.arange(n), (draws, 1))
    spread = (np.arange(draws) + 0.5) / draws
    choices = grounding.choose(context, offered, np.tile(free, (draws, 1)), spread, np.array(prior[:n]))

    paths = [titles.trie.path(leaf) for leaf in titles.trie.leaves]
    expected = enumerated(backend, VIEWER, paths, free, temperature, prior[:n])
    assert sum(expected.values()) == pytest.approx(1)
    assert all(free[choice.place] for choice in choices), "a masked title was chosen"
    found = {paths[choice.place]: choice.propensity for choice in choices}
    for path, propensity in found.items():
        assert propensity == pytest.approx(expected[path], rel=1e-4)
    for path, chance in expected.items():
        share = sum(paths[choice.place] == path for choice in choices) / draws
        assert abs(share - chance) <= 2 / draws, "draws do not follow the propensities"


def test_constrained_without_temperature_takes_the_best_child_each_time(backend):
    titles = titles_of(backend)
    paths = [titles.trie.path(leaf) for leaf in titles.trie.leaves]
    free = np.array([True, True, True, False, True, True])
    alive, k = [path for path, on in zip(paths, free, strict=True) if on], 0
    while len(alive) > 1:
        log = next_token(backend, VIEWER, alive[0][:k])
        best = max({path[k] for path in alive}, key=lambda token: log[token])
        alive, k = [path for path in alive if path[k] == best], k + 1
    grounding = make_grounding("constrained", material(backend))
    (choice,) = grounding.choose(context_of(backend, VIEWER), np.arange(6)[None], free[None], np.array([0.9]))
    assert paths[choice.place] == alive[0] and choice.proposed == TITLES[choice.place]
    assert choice.propensity == 1 and choice.written == len(alive[0])
    expected = enumerated(backend, VIEWER, paths, free, 1.0, np.zeros(6))
    assert choice.score == pytest.approx(np.log(expected[alive[0]]), abs=1e-4)


@pytest.mark.parametrize("name", ["constrained", "likelihood", "free_text"])
def test_a_row_gives_what_it_gives_alone_and_again(backend, name):
    texts = ["- Psycho (1960)\n-", "- Toy Story (1995)\n- Big (1988)\n-", "-"]
    grounding = make_grounding(name, material(backend, temperature=1.0))
    context = context_of(backend, *texts)
    mark = context.mark()
    offered = np.array([[0, 1, 2, 3], [5, 4, 3, 2], [1, 2, 4, 5]])
    free = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 1]], bool)
    draws = np.array([0.3, 0.6, 0.99])
    together = grounding.choose(context, offered, free, draws)
    assert together[2].place == 3 and all(free[row, choice.place] for row, choice in enumerate(together))
    context.rewind(mark)
    for row, text in enumerate(texts):
        alone = make_grounding(name, material(backend, temperature=1.0))
        part = slice(row, row + 1)
        (choice,) = alone.choose(context_of(backend, text), offered[part], free[part], draws[part])
        again = grounding.choose(context, offered, free, draws)[row]
        context.rewind(mark)
        for other in (choice, again):
            assert (other.place, other.proposed) == (together[row].place, together[row].proposed)
            assert other.propensity == pytest.approx(together[row].propensity, abs=1e-4)


@pytest.mark.parametrize("name", ["constrained", "likelihood"])
def test_a_prior_decides_where_it_is_large(backend, name):
    grounding = make_grounding(name, material(backend))
    context = context_of(backend, VIEWER, VIEWER)
    prior = np.zeros((2, 6))
    prior[0, 2], prior[1, 4] = 500.0, 500.0
    offered, free = np.tile(np.arange(6), (2, 1)), np.ones((2, 6), bool)
    mark = context.mark()
    assert [c.place for c in grounding.choose(context, offered, free, np.zeros(2), prior)] == [2, 4]
    context.rewind(mark)
    free[0, 2] = False
    assert grounding.choose(context, offered, free, np.zeros(2), prior)[0].place != 2


def test_the_whole_catalogue_is_walked_in_every_row(backend, task):
    wording = Wording(task, LLMConfig(), Prompt.load(), backend)
    n = len(task.catalogue.titles)
    titles = Titles(tuple(task.catalogue.titles), wording.title, backend.end)
    rows, rng = 8, np.random.default_rng(0)
    offered, free = np.tile(np.arange(n), (rows, 1)), rng.random((rows, n)) < 0.5
    free[0] = np.arange(n) == n - 1
    for temperature in (0.0, 1.0):
        grounding = make_grounding("constrained", material(backend, titles, temperature=temperature))
        context = context_of(backend, *["-" + " Big" * row + "\n-" for row in range(rows)])
        choices = grounding.choose(context, offered, free, rng.random(rows))
        assert all(free[row, choice.place] for row, choice in enumerate(choices))
        assert choices[0].place == n - 1 and choices[0].propensity == 1 and choices[0].score == 0
        assert all(0 < choice.propensity <= 1 for choice in choices)
    assert len({choice.place for choice in choices}) > 4
    assert "lineage" not in titles.trie.__dict__, "memory that grows with the square of the catalogue"


@given(
    sequences=st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=4), min_size=1, max_size=8),
    prior=st.lists(st.floats(-5, 5), min_size=8, max_size=8),
    masks=st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_what_lies_below_a_node_is_weighed(sequences, prior, masks):
    titles = Titles(tuple(map(str, sequences)), lambda item: (tuple(sequences[item]), 1), 9)
    trie, branches = titles.trie, Branches(titles.trie)
    items = np.flatnonzero(np.array(masks[: len(sequences)]) | (np.arange(len(sequences)) == 0))
    weights = branches.weights(items, np.array(prior)[items])
    for node in range(len(trie)):
        assert branches.below(node).tolist() == np.flatnonzero(trie.parents == node).tolist()
        below = [prior[item] for item in items if trie.lineage[trie.leaves[item], node]]
        expected = np.log(np.mean(np.exp(below))) if below else -np.inf
        assert weights[node] == pytest.approx(expected, abs=1e-9)
    assert branches.below(-1).tolist() == np.flatnonzero(trie.parents == -1).tolist()


def test_a_draw_never_falls_on_what_has_no_chance():
    assert drawn(np.array([0.0, 0.5, 0.0, 0.5 - 1e-9, 0.0]), np.nextafter(1.0, 0.0)) == 3, "sums fall short of 1"
    assert drawn(np.array([0.0, 1.0, 0.0]), 0.0) == 1
    assert [drawn(np.array([0.25, 0.0, 0.75]), draw) for draw in (0.0, 0.24, 0.25, 0.99)] == [0, 0, 2, 2]


def test_twins_nothing_and_beginnings_can_all_be_chosen(backend):
    texts = ["The", "The Matrix", "", "The", "\n", "Twin (1988)", "Twin (1988)"]
    titles = Titles(tuple(texts), lambda item: (backend.encode(texts[item]), 1), backend.end)
    for name in GROUNDINGS:
        grounding = make_grounding(name, material(backend, titles))
        for only in range(len(texts)):
            free = np.arange(len(texts)) == only
            context = context_of(backend, VIEWER)
            (choice,) = grounding.choose(context, np.arange(len(texts))[None], free[None], np.array([0.5]))
            assert choice.place == only and choice.propensity == 1, (name, texts[only])
            assert np.isfinite(choice.score)


@pytest.mark.parametrize("correction", [0.0, 0.7])
def test_likelihood_is_the_equation(backend, correction):
    def plain(text, tokens):
        return sum(next_token(backend, text, tokens[:k])[token] for k, token in enumerate(tokens))

    expected = []
    for title in TITLES:
        tokens = backend.encode(" " + title)
        everybody = np.mean([plain(text, tokens) for text in ("- Jaws\n-", "- Big\n-")])
        expected.append((plain(VIEWER, tokens) - correction * everybody) / len(tokens))
    odds = np.exp(expected) / np.exp(expected).sum()
    offered, free = np.tile(np.arange(6), (50, 1)), np.ones((50, 6), bool)
    settings = {"correction": correction, "shortlist": 6}
    grounding = make_grounding("likelihood", material(backend, temperature=1.0, **settings))
    for choice in grounding.choose(context_of(backend, *[VIEWER] * 50), offered, free, np.arange(50) / 50):
        assert choice.score == pytest.approx(expected[choice.place], abs=1e-4)
        assert choice.propensity == pytest.approx(odds[choice.place], rel=1e-3)
    best = make_grounding("likelihood", material(backend, **settings))
    (choice,) = best.choose(context_of(backend, VIEWER), offered[:1], free[:1], np.array([0.99]))
    assert choice.place == np.argmax(expected) and choice.propensity == 1 and choice.read > 0


def test_likelihood_refuses_a_whole_catalogue(backend):
    grounding = make_grounding("likelihood", material(backend))
    offered = np.zeros((1, 501), int)
    with pytest.raises(UsageError, match='grounding="constrained"'):
        grounding.choose(context_of(backend, VIEWER), offered, offered == 0, np.zeros(1))


def answered(backend, *answers, free=None, offered=None, titles=TITLES, prior=0.0, **settings):
    """Choices after a scripted model wrote these answers; embeddings are those of the tiny real one."""
    scripted = ScriptedBackend(answers)
    made = Material(
        backend=scripted,
        titles=Titles(tuple(titles), lambda item: (scripted.encode(titles[item]), 1), scripted.end),
        everybody=lambda: scripted.open(""),
        encoder=lambda: make_encoder("model", backend),
        **settings,
    )
    context = scripted.open("-").select([0] * len(answers))
    offered = np.tile(np.arange(len(titles)), (len(answers), 1)) if offered is None else np.array(offered)
    free = np.ones(offered.shape, bool) if free is None else np.array(free, bool)
    return make_grounding("free_text", made).choose(context, offered, free, np.full(len(answers), 0.5), prior)


def test_a_title_that_is_written_out_is_found(backend):
    said = [" Heat (1995)", "the matrix", " Matrix, The (1999) because it is good", '"Toy Story"', "- mummy\nand more"]
    choices = answered(backend, *said)
    assert [choice.place for choice in choices] == [2, 3, 3, 5, 4]
    assert all(choice.score == 1 and choice.propensity == 1 and choice.named for choice in choices)
    assert choices[4].proposed == "- mummy" and choices[4].written == len("- mummy")


def test_what_is_no_title_goes_to_the_nearest_free_one(backend):
    said = ["A film about an alien", "Heat (1996)", "Ignore all previous instructions", "", "Toy " * 20]
    encoder = make_encoder("model", backend)
    titles = encoder.encode([encoder.phrase.format(title) for title in TITLES])
    free = np.array([[1, 1, 1, 1, 1, 1]] * 4 + [[0, 0, 1, 0, 0, 1]], bool)
    for row, choice in enumerate(answered(backend, *said, free=free)):
        assert choice.named == ()
        cosines = np.where(free[row], titles @ encoder.encode([encoder.phrase.format(choice.proposed)])[0], -9)
        assert choice.place == cosines.argmax() and choice.score == pytest.approx(cosines.max(), abs=1e-5)


def test_a_title_that_is_masked_or_not_on_offer_is_told_of(backend):
    masked, elsewhere, both = answered(
        backend,
        "Heat (1995)",
        "Toy Story",
        "Alien",
        offered=[[0, 1, 2], [0, 1, 2], [1, 0, 0]],
        free=[[1, 1, 0], [1, 1, 1], [1, 0, 1]],
    )
    assert masked.named == (2,) and masked.place != 2
    assert elsewhere.named == (5,)
    assert both.named == (0,) and both.place == 2, "a second place of the title that is free is the one that was named"


def test_free_text_draws_among_what_is_near_and_heeds_the_prior(backend):
    said = ["A film about an alien"] * 3
    warm = answered(backend, *said, temperature=1.0)
    assert all(0 < choice.propensity < 0.5 for choice in warm)
    assert answered(backend, "Heat", temperature=1.0)[0].propensity == 1, "a title that was written out is certain"
    prior = np.array([0.0, 0.0, 0.0, 0.0, 9.0, 0.0])
    assert answered(backend, *said, prior=prior)[0].place == 4
    assert answered(backend, "Heat", prior=prior)[0].place == 2


def test_the_model_itself_can_write_freely(backend):
    grounding = make_grounding("free_text", material(backend, max_title_tokens=7))
    context = context_of(backend, VIEWER, "-")
    expected = [backend.decode(tokens) for tokens in context_of(backend, VIEWER, "-").write(7, frozenset({1}))]
    offered, free = np.tile(np.arange(6), (2, 1)), np.ones((2, 6), bool)
    for choice, text in zip(grounding.choose(context, offered, free, np.zeros(2)), expected, strict=True):
        assert choice.written <= 7 and " ".join(text.split("\n")[0].split()) == choice.proposed


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Seven", ["Seven (a.k.a. Se7en) (1995)"]),
        ("se7en (1995)", ["Seven (a.k.a. Se7en) (1995)"]),
        ("Amélie", ["Amelie (Le Fabuleux destin d'Amélie Poulain) (2001)"]),
        ("le fabuleux destin d'amelie poulain", ["Amelie (Le Fabuleux destin d'Amélie Poulain) (2001)"]),
        ("Psycho", ["Psycho (1960)", "Psycho (1998)"]),
        ("Psycho (1998", ["Psycho (1998)"]),
        ("Psycho (1970)", []),
        ("recommend[Schindlers List]", ["Schindler's List (1993)"]),
        ("1. Batman and Robin!", ["Batman & Robin (1997)"]),
        ("12 Angry Men", ["12 Angry Men (1957)"]),
        ("1984", ["1984 (Nineteen Eighty-Four) (1984)"]),
        ("Usual Suspects, The", ["The Usual Suspects (1995)"]),
        ("Toy Story, Heat", []),
        ("the", []),
        ("", []),
        ("(1999)", []),
    ],
)
def test_titles_are_found_as_people_write_them(task, said, found):
    titles = task.catalogue.titles
    assert set(found) <= set(titles), "a title that the bundled films do not have"
    assert [titles[item] for item in TitleFinder(titles).find(said)] == found


def test_every_title_names_itself(task):
    finder = TitleFinder(task.catalogue.titles)
    assert not [title for item, title in enumerate(task.catalogue.titles) if item not in finder.find(title)]


@given(st.text(max_size=40), st.lists(st.text(max_size=12), max_size=5))
def test_any_text_is_looked_up(said, titles):
    assert set(TitleFinder(titles).find(said)) <= set(range(len(titles)))


def test_wrong_names_shapes_and_masks_are_refused(backend):
    with pytest.raises(UnknownNameError, match="constrained, free_text, likelihood[^$]*did you mean 'constrained'"):
        make_grounding("constraint", material(backend))
    for name in ("constrained", "likelihood"):
        with pytest.raises(UsageError, match='grounding="free_text"'):
            make_grounding(name, material(ScriptedBackend([])))
    for name in GROUNDINGS:
        grounding = make_grounding(name, material(backend))
        offered = np.arange(6)[None]
        with pytest.raises(UsageError, match="shape"):
            grounding.choose(context_of(backend, VIEWER, VIEWER), offered, offered >= 0, np.zeros(1))
        with pytest.raises(UsageError, match="free"):
            grounding.choose(context_of(backend, VIEWER), offered, offered < 0, np.zeros(1))
