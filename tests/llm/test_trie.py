"""The trie over titles: prefixes, duplicates, ends."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ilrec_agents.llm.grounding.trie import Trie

END = 99
SEQUENCES = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=5), min_size=1, max_size=8)


def test_shared_beginnings_are_one_node():
    trie = Trie.of([(5, 6, 7), (5, 6, 8), (5, 9)], END)
    assert len(trie) == 5
    assert trie.path(trie.leaves[1]) == (5, 6, 8)
    assert trie.lengths.tolist() == [3, 3, 2]


def test_a_title_that_another_one_continues_gets_an_end():
    trie = Trie.of([(1, 2), (1, 2, 3)], END)
    assert trie.path(trie.leaves[0]) == (1, 2, END)
    assert trie.path(trie.leaves[1]) == (1, 2, 3)


def test_equal_titles_share_a_leaf():
    trie = Trie.of([(1, 2), (1, 2), (3,)], END)
    assert trie.leaves[0] == trie.leaves[1] != trie.leaves[2]
    assert END not in trie.tokens


@given(SEQUENCES)
def test_every_sequence_is_a_path_to_a_leaf_and_nothing_else_is(sequences):
    trie = Trie.of(sequences, END)
    parents = set(trie.parents.tolist())
    assert all(leaf not in parents for leaf in trie.leaves), "a title ends inside another one"
    assert set(range(len(trie))) - parents == set(trie.leaves.tolist()), "a path that is no title"
    for sequence, leaf in zip(sequences, trie.leaves, strict=True):
        assert trie.path(leaf) in {tuple(sequence), (*sequence, END)}


@given(SEQUENCES)
def test_totals_add_up_the_path(sequences):
    trie = Trie.of(sequences, END)
    log = -np.arange(1.0, len(trie) + 1)
    for leaf, total in zip(trie.leaves, trie.totals(log, trie.leaves), strict=True):
        node, expected = int(leaf), 0.0
        while node >= 0:
            expected, node = expected + log[node], int(trie.parents[node])
        assert total == expected


def test_cuts_are_where_the_name_ends():
    trie = Trie.of([(1, 2, 3, 4), (1, 5)], END)
    cuts = trie.cuts([2, 2])
    assert [trie.path(node) for node in cuts] == [(1, 2), (1, 5)]
    assert trie.cuts([0, 9]).tolist() == [0, trie.leaves[1]], "a name has at least one token, and ends with the title"
