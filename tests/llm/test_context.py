"""What is kept, padded or branched must equal what is computed from scratch, alone and in a line."""

import numpy as np
import pytest
import torch

from ilrec_agents.llm.grounding.trie import Trie

TEXTS = ["Films:\n- Alien (1979)\n-", "Films:\n- Toy Story (1995)\n- Jaws (1975)\n- Heat (1995)\n-", "-"]
TITLES = [" The Matrix (1999", " The Matrix Reloaded (2003", " The", " Aliens (1986", " Aliens (1986"]
OPENING = "A list.\n"


@pytest.fixture
def trie(backend):
    return Trie.of([backend.encode(title) for title in TITLES], backend.end)


def from_scratch(backend, text, path):
    """log p(path | text) by one plain forward pass."""
    read = backend.encode(text)
    with torch.inference_mode():
        logits = backend._model(
            torch.tensor([[*read, *path]]), attention_mask=causal(backend, len(read) + len(path))
        ).logits
    log = logits[0].float().log_softmax(-1)
    return sum(float(log[len(read) - 1 + i, token]) for i, token in enumerate(path))


def causal(backend, n):
    """The mask of a plain text, in the folded form that the attention of the back-end takes."""
    lowest = torch.finfo(torch.float32).min
    return torch.full((n, n), lowest).triu(1)[None, None].repeat(1, 1, backend._fold, 1)


def scores(context, tries):
    mark = context.mark()
    found = context.reader(tries).of([np.arange(len(trie)) for trie in tries])
    context.rewind(mark)
    return found


def batched(backend):
    context = backend.open(OPENING).select([0] * len(TEXTS))
    context.append([backend.encode(text) for text in TEXTS])
    return context


def test_batched_cached_and_branched_equals_one_plain_pass_each(backend, trie):
    context = batched(backend)
    for text, found in zip(TEXTS, scores(context, [trie] * 3), strict=True):
        expected = [from_scratch(backend, OPENING + text, trie.path(leaf)) for leaf in trie.leaves]
        np.testing.assert_allclose(trie.totals(found, trie.leaves), expected, atol=1e-4)


def test_grouped_attention_equals_transformers_own(tiny_model, backend, trie):
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32, attn_implementation="eager")
    path = trie.path(trie.leaves[0])
    read = backend.encode(OPENING + TEXTS[1])
    with torch.inference_mode():
        log = plain(torch.tensor([[*read, *path]])).logits[0].log_softmax(-1)
    expected = sum(float(log[len(read) - 1 + i, token]) for i, token in enumerate(path))
    found = trie.totals(scores(batched(backend), [trie] * 3)[1], trie.leaves)[0]
    assert found == pytest.approx(expected, abs=1e-4)


def test_reading_in_two_passes_equals_one(backend, trie):
    context = batched(backend)
    whole = scores(context, [trie] * 3)
    reader = context.reader([trie] * 3)
    first = reader.of([np.arange(2)] * 3)
    rest = reader.of([np.arange(2, len(trie)), np.arange(2, len(trie)), np.array([], np.int64)])
    for row in (0, 1):
        np.testing.assert_allclose(np.concatenate([first[row], rest[row]]), whole[row], atol=1e-4)
    assert len(rest[2]) == 0


def test_rewinding_forgets(backend, trie):
    context = batched(backend)
    before, lengths = scores(context, [trie] * 3), context.lengths
    mark = context.mark()
    context.append([backend.encode(" something"), (), backend.encode(" else, and longer")])
    context.write(3, frozenset())
    context.rewind(mark)
    assert context.lengths.tolist() == lengths.tolist()
    for a, b in zip(before, scores(context, [trie] * 3), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_rows_can_leave_and_join(backend, trie):
    before = scores(batched(backend), [trie] * 3)
    later = backend.open(OPENING)
    later.append([backend.encode(TEXTS[0])])
    context = batched(backend).select([2, 1]).joined(later).select([2, 0, 1])
    for row, text in enumerate((0, 2, 1)):
        np.testing.assert_allclose(scores(context, [trie] * 3)[row], before[text], atol=1e-4)


def test_writing_is_the_same_alone_and_is_read_back(backend, trie):
    context = batched(backend)
    written = context.write(6, frozenset({backend.end}))
    context.append([backend.encode(" so:")] * 3)
    for row, text in enumerate(TEXTS):
        alone = backend.open(OPENING + text)
        assert alone.write(6, frozenset({backend.end})) == [written[row]]
        whole = backend.open(OPENING + text)
        whole.append([written[row] + backend.encode(" so:")])
        np.testing.assert_allclose(scores(context, [trie] * 3)[row], scores(whole, [trie])[0], atol=1e-4)


def test_writing_stops_where_told(backend):
    free = batched(backend).write(6, frozenset())
    stop = frozenset({free[0][2]})
    for text, short in zip(free, batched(backend).write(6, stop), strict=True):
        expected = text[: text.index(free[0][2])] if free[0][2] in text else text
        assert short == expected
    assert batched(backend).write(0, stop) == [(), (), ()]


def test_tokens_that_hold_a_character(backend):
    dots = backend.holding(".")
    assert dots and all("." in backend.decode([token]) for token in dots)
