"""Families beside Llama's: windows of attention are kept right; what cannot be kept is refused."""

import json

import numpy as np
import pytest
import torch

from ilrec_agents.llm.actor import LLMAgent
from ilrec_agents.llm.backends.attention import Masks, grouped_attention
from ilrec_agents.llm.config import LLMConfig
from ilrec_agents.llm.grounding.trie import Trie
from ilrec_agents.llm.models.tiny import tiny_model
from ilrec_agents.llm.teachers.act_only import ActOnlyAgent
from ilrec_agents.llm.teachers.config import TeacherConfig
from ilrec_gym.errors import UsageError

WINDOW = 6
ALTERNATING = ["sliding_attention", "full_attention"]
FAMILIES = {
    "gemma3_text": {"head_dim": 8, "sliding_window": WINDOW, "layer_types": ALTERNATING},  # grouped, by kind of layer
    "gemma2": {"head_dim": 8, "sliding_window": WINDOW, "layer_types": ALTERNATING},  # eager, capped logits
    "mistral": {"sliding_window": WINDOW},  # grouped, one kind of layer
    "phi3": {"sliding_window": WINDOW},  # transformers' own attention
    "qwen3": {"head_dim": 8},
    "gpt2": {"n_embd": 48, "n_layer": 2, "n_head": 6, "n_positions": 512},  # places are learned
}


def made(folder, task, family, **config):
    from ilrec_agents.llm.backends.transformers_backend import TransformersBackend

    tiny_model(folder, task.catalogue.titles[:300], model_type=family, **config)
    return TransformersBackend(str(folder), dtype="float32", device="cpu")


def plainly(folder, tokens):
    """Log-probabilities ``(T, V)`` by transformers' own call."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    with torch.inference_mode():
        return model(torch.tensor([tokens])).logits[0].log_softmax(-1)


@pytest.mark.parametrize("family", FAMILIES)
def test_texts_longer_than_the_window_equal_transformers_own(family, tmp_path, task):
    backend = made(tmp_path / "model", task, family, **FAMILIES[family])
    text = backend.encode("Films:\n- Alien (1979)\n- Toy Story (1995)\n- Jaws (1975)\n- Heat (1995)\n-")
    trie = Trie.of([backend.encode(title) for title in (" The Matrix (1999", " Aliens (1986", " Heat")], backend.end)
    path = trie.path(trie.leaves[0])
    expected = plainly(tmp_path / "model", [*text, *path])
    assert len(text) > 3 * WINDOW, "the window must matter"
    context = backend.open("Films").select([0, 0])  # in uneven pieces, so that there are gaps in the cache
    rest = text[len(backend.encode("Films")) :]
    context.append([rest[:9], rest[:2]])
    context.append([rest[9:], rest[2:]])
    for found in context.reader([trie, trie]).of([np.arange(len(trie))] * 2):
        total = trie.totals(found, trie.leaves[:1])[0]
        steps = [expected[len(text) - 1 + k, token] for k, token in enumerate(path)]
        assert total == pytest.approx(float(sum(steps)), abs=1e-3)


PLACES = {"n_embd": 48, "n_layer": 2, "n_head": 6}


def test_a_text_longer_than_the_places_that_were_learned_is_refused(tmp_path, task, started):
    backend = made(tmp_path / "model", task, "gpt2", max_position_embeddings=120, **PLACES)
    with pytest.raises(UsageError, match="fit into the model's context"):
        backend.open("Heat " * 200)
    _, observations, infos = started(2)
    llm = LLMAgent(task, LLMConfig(), backend=backend)
    assert len(backend.encode(llm.prompt.opening)) < 120, "it is the viewer's films that do not fit"
    for agent in (llm, ActOnlyAgent(task, TeacherConfig(encoder="model"), backend=backend)):
        with pytest.raises(UsageError, match="fit into the model's context"):
            agent.act(observations, infos)


def test_a_short_row_beside_a_long_one_needs_no_further_places(tmp_path, task):
    """The padding behind the full row stands where no place was learned."""
    backend = made(tmp_path / "model", task, "gpt2", max_position_embeddings=40, **PLACES)
    long, short = [(k * 7) % 600 + 5 for k in range(40)], [9, 8, 7]
    context = backend.open("-").select([0, 0])
    context.append([tuple(long[1:30]), tuple(short)])
    context.append([tuple(long[30:40]), tuple(long[:30])])
    alone = backend.open("-")
    alone.append([tuple(long[1:40])])
    with torch.inference_mode():
        found, expected = (backend.logits(c.last)[0].log_softmax(-1) for c in (context, alone))
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("generates", "pad", "expected"), [([3, 4], "<|pad|>", 3), (5, None, 5), (None, "<|pad|>", 0), (None, None, None)]
)
def test_a_tokenizer_without_an_end(generates, pad, expected, tmp_path, task):
    from transformers import AutoTokenizer

    from ilrec_agents.llm.backends.transformers_backend import TransformersBackend

    folder = tiny_model(tmp_path / "model", task.catalogue.titles[:300], eos_token_id=None, pad_token_id=None)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.eos_token, tokenizer.pad_token = None, pad
    tokenizer.save_pretrained(folder)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": generates}))
    if expected is None:
        with pytest.raises(UsageError, match="a token that ends a text"):
            TransformersBackend(str(folder), dtype="float32", device="cpu")
    else:
        assert TransformersBackend(str(folder), dtype="float32", device="cpu").end == expected


def test_the_window_is_in_the_mask():
    class Config:
        model_type, sliding_window, layer_types = "gemma3_text", 2, ALTERNATING

    seen = torch.ones(1, 1, 4, dtype=torch.bool)
    masks = Masks(Config(), 1).of(seen, torch.tensor([[3]]), torch.tensor([[0, 1, 2, 3]]), torch.float32)
    assert (masks["full_attention"] == 0).all()
    assert (masks["sliding_attention"][0, 0, 0] == 0).tolist() == [False, False, True, True]


@pytest.mark.parametrize(
    ("family", "config"),
    [
        ("mamba", {"state_size": 8}),
        ("mpt", {"d_model": 48, "n_heads": 6, "n_layers": 2}),
        ("rwkv", {"attention_hidden_size": 48}),
    ],
)
def test_what_cannot_be_kept_piece_by_piece_is_refused(family, config, tmp_path, task):
    with pytest.raises(UsageError, match='backend="server"'):
        made(tmp_path / "model", task, family, **config)


def test_eight_bits_say_nearly_the_same(tiny_model, backend):
    from ilrec_agents.llm.backends.transformers_backend import TransformersBackend

    short = TransformersBackend(str(tiny_model), dtype="float32", device="cpu", quantise="int8")
    assert short.facts()["quantise"] == "int8" and "quantise" not in backend.facts()
    with torch.inference_mode():
        exact, near = (b.logits(b.open("Films:\n- Alien (1979)\n-").last).log_softmax(-1)[0] for b in (backend, short))
    spread = float(exact.std())
    assert 0 < float((exact - near).abs().max()) < 0.25 * spread


def test_four_bits_need_their_library(tiny_model, monkeypatch):
    import sys

    from ilrec_agents.llm.backends.transformers_backend import TransformersBackend
    from ilrec_gym.errors import MissingExtraError, UnknownNameError

    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(MissingExtraError, match=r"ilrec-gym\[quantise\]"):
        TransformersBackend(str(tiny_model), quantise="int4")
    with pytest.raises(UnknownNameError, match="did you mean 'int4'"):
        TransformersBackend(str(tiny_model), quantise="int44")


def test_embeddings_are_the_same_alone_and_in_a_batch(backend):
    texts = ["Alien", "", "Toy Story (1995)\n- Jaws (1975)", *[f"film number {n}, " * (n % 5) for n in range(40)]]
    together = backend.embed(texts)
    assert together.shape == (len(texts), 48) and together.dtype == np.float32
    for row, text in enumerate(texts):
        np.testing.assert_allclose(together[row], backend.embed([text])[0], atol=1e-4)
    assert np.abs(together[0] - together[2]).max() > 0.1


def test_an_embedding_is_the_last_hidden_state(tiny_model, backend):
    from transformers import AutoModel

    model = AutoModel.from_pretrained(tiny_model, dtype=torch.float32)
    with torch.inference_mode():
        expected = model(torch.tensor([backend.encode("Jaws (1975)")])).last_hidden_state[0, -1]
    np.testing.assert_allclose(backend.embed(["Jaws (1975)"])[0], expected, atol=1e-4)


def test_of_a_text_that_is_too_long_the_end_is_embedded(backend):
    long = "Heat " * 2000
    assert len(backend.encode(long)) > backend.context_length
    np.testing.assert_allclose(backend.embed(["Alien " + long])[0], backend.embed(["Jaws " + long])[0], atol=1e-5)


@pytest.mark.parametrize("length", [1, 20, 200])
def test_attention_in_bfloat16_is_that_of_float32_rounded(length):
    """Few, some and many queries: the fused kernel, and the two products that CPUs do faster."""
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape):
        return torch.randn(*shape, generator=generator).bfloat16()

    query, key, value = drawn(2, 6, length, 16), drawn(2, 2, 90, 16), drawn(2, 2, 90, 16)
    seen = torch.rand(2, 1, 3 * length, 90, generator=generator) < 0.5
    mask = torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.bfloat16).min)
    found, _ = grouped_attention(torch.nn.Module(), query, key, value, mask.bfloat16(), scaling=0.3)
    folded = query.float().reshape(2, 2, 3 * length, 16)
    weights = (0.3 * folded @ key.float().transpose(2, 3)).masked_fill(~seen, -torch.inf).softmax(-1)
    expected = (weights @ value.float()).reshape(2, 6, length, 16).transpose(1, 2)
    np.testing.assert_allclose(found.float(), expected, atol=0.02)
