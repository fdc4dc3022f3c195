"""Back-ends by name, the scripted one, and the tiny model that is made on the spot."""

import json
from types import SimpleNamespace

import pytest

from ilrec_agents.llm.backends import BACKENDS, make_backend
from ilrec_agents.llm.backends.scripted import ScriptedBackend
from ilrec_agents.llm.backends.text_context import END, decoded, encoded
from ilrec_agents.llm.config import LLMConfig
from ilrec_agents.llm.models.folders import manifest
from ilrec_agents.llm.models.known import pull
from ilrec_gym.errors import ArtefactError, UnknownArgumentError, UnknownNameError, UsageError


def settings(**given):
    return SimpleNamespace(model="none", **given)


def scripted(answers):
    return make_backend(settings(backend="scripted", backend_options={"answers": answers}))


def test_settings_choose_the_back_end(tiny_model):
    made = make_backend(LLMConfig(model=str(tiny_model), dtype="float32"), device="cpu")
    assert made.facts()["dtype"] == "float32" and made.scores_tries
    options = {"dtype": "bfloat16", "quantise": "int8"}
    made = make_backend(SimpleNamespace(model=str(tiny_model), dtype="float32", backend_options=options), "cpu")
    assert made.facts()["dtype"] == "bfloat16", "an option comes before a setting of the agent"
    assert scripted([]).facts()["model"] == "scripted"


def test_names_and_options_that_there_are_not():
    with pytest.raises(UnknownNameError, match="did you mean 'server'"):
        make_backend(settings(backend="serve"))
    with pytest.raises(UnknownArgumentError, match="did you mean 'answers'"):
        make_backend(settings(backend="scripted", backend_options={"answer": []}))
    with pytest.raises(UsageError, match="backend_options must be a mapping"):
        make_backend(settings(backend="scripted", backend_options=["answers"]))


def test_every_back_end_has_what_the_protocol_asks_for():
    from importlib import import_module

    from ilrec_agents.llm.backend import Backend

    wanted = {name for name in vars(Backend) if not name.startswith("_")}
    assert {"scores_tries", "embed", "open", "facts"} <= wanted
    for place in BACKENDS.values():
        module, _, cls = place.partition(":")
        made = getattr(import_module(module), cls)
        assert wanted - {"context_length"} <= set(dir(made)), "context_length may be set when it is made"


def test_a_script_is_replayed_row_by_row(tmp_path):
    lines = ["one\nmore", {"text": "two"}, "", {"text": "vier", "who": "any"}]
    (tmp_path / "said.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    backend = scripted(str(tmp_path / "said.jsonl"))
    context = backend.open("A film:").select([0, 0])
    stop = backend.holding("\n") | {backend.end}
    assert [backend.decode(row) for row in context.write(9, stop)] == ["one", "two"]
    assert [backend.decode(row) for row in context.write(9, stop)] == ["", "vier"]
    assert context.texts == ("A film:one", "A film:twovier") and backend.left == 0
    assert backend.asked == ["A film:", "A film:", "A film:one", "A film:two"]
    with pytest.raises(UsageError, match="4 answers, of which 0 are left, for 2 texts"):
        context.write(9, stop)
    assert scripted(["x"]).open("a").write(0, stop) == [()], "nothing asked, nothing used up"


def test_scripts_that_are_none(tmp_path):
    with pytest.raises(ArtefactError, match="JSON Lines"):
        ScriptedBackend(tmp_path / "nothing.jsonl")
    (tmp_path / "odd.jsonl").write_text('"fine"\n{"said": "x"}\n')
    with pytest.raises(ArtefactError, match="answer 2 of"):
        ScriptedBackend(tmp_path / "odd.jsonl")
    with pytest.raises(UsageError, match="answers must be texts"):
        ScriptedBackend(["fine", 3])


def test_text_and_code_points():
    text = "Amélie (2001) – 天空の城\n\U0001f600"
    assert decoded(encoded(text)) == text and decoded([*encoded("a"), END]) == "a"


def test_the_tiny_model_is_made_on_the_spot_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("ILREC_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = pull("tiny")
    assert manifest(folder)["source"] == "made here" and manifest(folder)["licence"] == "MIT"
    before = (folder / "model.safetensors").stat().st_mtime_ns
    backend = make_backend(SimpleNamespace(model="tiny"), device="cpu")
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    assert backend.open("Films:").write(3, frozenset())[0]
    assert len(backend.encode("The Matrix (1999)")) < 12, "its pieces come from titles"


@pytest.mark.slow_llm
@pytest.mark.timeout(900)
def test_a_second_model_comes_in_parts_and_has_windows(tmp_path, monkeypatch):
    """Gemma 3 270M from the hub or from the index, and its texts longer than its window."""
    import numpy as np
    import torch
    from transformers import AutoModelForCausalLM

    monkeypatch.setenv("ILREC_CACHE", str(tmp_path))
    folder = pull("gemma3-270m")
    assert manifest(folder)["licence"] == "Gemma terms"
    backend = make_backend(SimpleNamespace(model="gemma3-270m", dtype="float32"), device="cpu")
    text = "Film lists.\n" + "".join(f"- Film {n} ({1950 + n})\n" for n in range(55))
    tokens = backend._tokenizer(text)["input_ids"]
    assert len(tokens) > 512, "longer than the window"
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.inference_mode():
        expected = plain(torch.tensor([tokens]), logits_to_keep=1).logits[0, -1].log_softmax(-1)
        context = backend._opened([tokens[:100]])
        context.append([tokens[100:]])
        found = backend.logits(context.last)[0].log_softmax(-1)
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("fma avx512_bf16 avx512_vnni", "bfloat16"), ("amx_bf16 amx_tile", "bfloat16"), ("fma avx512f avx2", "float32")],
)
def test_auto_is_the_format_that_the_cpu_multiplies(monkeypatch, flags, expected):
    loading, torch = pytest.importorskip("ilrec_agents.llm.backends.loading"), pytest.importorskip("torch")
    monkeypatch.setattr(loading.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(loading.Path, "read_text", lambda *_, **__: f"flags : {flags}")
    loading.hardware_bfloat16.cache_clear()
    try:
        assert str(loading.dtype_of("auto", torch.device("cpu"))) == f"torch.{expected}"
    finally:
        loading.hardware_bfloat16.cache_clear()
