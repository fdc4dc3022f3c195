"""Scores against a plain sum over log-probabilities, and the shortlist."""

import numpy as np
import pytest
import torch

from ilrec_agents.llm.grounding.choice import Baseline, Chooser, Offer, chances

TITLES = ["Alien (1979", "Aliens (1986", "Heat (1995", "The Matrix (1999", "The Mummy (1999", "Toy Story (1995"]
VIEWER = "- Psycho (1960)\n-"


@pytest.fixture
def offer(backend):
    titles = [(backend.encode(" " + title), len(backend.encode(" " + title.split(" (")[0]))) for title in TITLES]
    return Offer.of(titles, backend.end)


def context_of(backend, *texts):
    context = backend.open("A list.\n").select([0] * len(texts))
    context.append([backend.encode(text) for text in texts])
    return context


@torch.inference_mode()
def plain(backend, text, tokens):
    """log p(tokens | text), token by token."""
    total = 0.0
    for i, token in enumerate(tokens):
        context = context_of(backend, text)
        context.append([tokens[:i]])
        total += float(backend.logits(context.last)[0].log_softmax(-1)[token])
    return total


def scored(backend, offer, weight, shortlist, free=None):
    chooser = Chooser(Baseline(context_of(backend, "- Jaws\n-", "- Big\n-")), weight, shortlist)
    free = np.ones((1, len(TITLES)), bool) if free is None else free
    return chooser.scores(context_of(backend, VIEWER).reader([offer.trie]), [offer], free)[0]


def test_scores_are_the_equation(backend, offer):
    found = scored(backend, offer, weight=0.7, shortlist=len(TITLES))
    for title, score in zip(TITLES, found, strict=True):
        tokens = backend.encode(" " + title)
        everybody = np.mean([plain(backend, text, tokens) for text in ("- Jaws\n-", "- Big\n-")])
        expected = (plain(backend, VIEWER, tokens) - 0.7 * everybody) / len(tokens)
        assert score == pytest.approx(expected, abs=1e-4)


def test_the_shortlist_keeps_the_best_names(backend, offer):
    whole, short = (scored(backend, offer, weight=0.0, shortlist=k) for k in (len(TITLES), 2))
    kept = np.flatnonzero(np.isfinite(short))
    np.testing.assert_allclose(short[kept], whole[kept], atol=1e-5)
    names = [backend.encode(" " + title.split(" (")[0]) for title in TITLES]
    by_name = [plain(backend, VIEWER, name) / len(name) for name in names]
    assert set(kept) == set(np.argsort(by_name)[-2:])


def test_what_is_not_free_is_not_on_the_shortlist(backend, offer):
    free = np.array([[False, True, False, False, True, False]])
    assert np.isfinite(scored(backend, offer, 0.5, 4, free)).tolist() == free[0].tolist()


def test_a_prior_is_added_before_the_shortlist(backend, offer):
    whole = scored(backend, offer, weight=0.0, shortlist=len(TITLES))
    chooser = Chooser(Baseline(context_of(backend, "-")), 0.0, 2)
    prior = np.array([0.0, 0.0, 0.0, 50.0, 0.0, 40.0])
    reader = context_of(backend, VIEWER).reader([offer.trie])
    (found,) = chooser.scores(reader, [offer], np.ones((1, len(TITLES)), bool), prior)
    assert np.flatnonzero(np.isfinite(found)).tolist() == [3, 5]
    np.testing.assert_allclose(found[[3, 5]], (whole + prior)[[3, 5]], atol=1e-5)


def test_the_baseline_is_learned_once(backend, offer):
    context = context_of(backend, "-")
    baseline = Baseline(context)
    baseline.learn([offer])
    first = baseline.totals(offer.trie, offer.trie.leaves)
    context.append([backend.encode(" something else\n-")])  # would change every score
    baseline.learn([offer, offer])
    assert baseline.totals(offer.trie, offer.trie.leaves).tolist() == first.tolist()


def test_chances():
    scores = np.array([1.0, -np.inf, 3.0])
    assert chances(scores, 0).tolist() == [0, 0, 1]
    warm = chances(scores, 2.0)
    assert warm[1] == 0 and warm.sum() == pytest.approx(1)
    assert warm[2] / warm[0] == pytest.approx(np.exp(1))
