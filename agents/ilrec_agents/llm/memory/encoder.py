"""Encoders: from texts to vectors whose products say how alike the texts are."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.llm.backend import Backend
from ilrec_agents.llm.memory.hidden import HiddenEncoder
from ilrec_gym.errors import ArtefactError, require, unknown_name
from ilrec_gym.files import cache_dir, fingerprint, keep, read_arrays, write_arrays

Vectors = NDArray[np.float32]
_log = logging.getLogger(__name__)


class Encoder(Protocol):
    """Texts to vectors."""

    name: str
    phrase: str
    """How a title is put to it: a text with one ``{}``."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors ``(N, D)`` of length 1, so that products are cosines."""

    def facts(self) -> dict[str, Any]:
        """Where the model came from, for cards."""

    def identity(self) -> dict[str, Any] | None:
        """What tells its weights from all others, so that vectors may be kept on disk; None where nothing does."""


def _minilm(backend: Backend, device: str) -> Encoder:
    require("transformers", "llm")
    from ilrec_agents.llm.memory.minilm import MiniLM

    return MiniLM(device=device)


ENCODERS: dict[str, Callable[[Backend, str], Encoder]] = {
    "minilm": _minilm,
    "model": lambda backend, device: HiddenEncoder(backend),
}
"""Name to a function of the language model and the device."""


def make_encoder(name: str, backend: Backend, *, device: str = "auto") -> Encoder:
    """The encoder of a name.

    Args:
        name: "minilm", a sentence encoder that is fetched once; or "model", the language model itself.
        backend: The language model.
        device: "auto", "cpu", "cuda", "cuda:1".

    Raises:
        UnknownNameError: There is none of that name.
    """
    if name not in ENCODERS:
        raise unknown_name("encoder", name, ENCODERS)
    return ENCODERS[name](backend, device)


def title_vectors(encoder: Encoder, titles: Sequence[str]) -> Vectors:
    """Vectors ``(I, D)`` of a catalogue's titles, kept on disk for the next time where the encoder is known."""
    identity = encoder.identity()
    texts = [encoder.phrase.format(title) for title in titles]
    if identity is None:
        return encoder.encode(texts)
    path = cache_dir() / "embeddings" / f"{encoder.name}-{fingerprint(identity, texts)[:16]}.npz"
    if (kept := _kept(path, len(texts))) is not None:
        return kept
    vectors = encoder.encode(texts)
    keep(lambda: write_arrays(path, {"vectors": vectors}), "vectors of titles")
    return vectors


def _kept(path: Path, n: int) -> Vectors | None:
    """What is on disk, if it is there and whole."""
    if not path.is_file():
        return None
    try:
        vectors = read_arrays(path).get("vectors")
    except ArtefactError as error:
        _log.warning("encoding titles again, because %s", error)
        return None
    return None if vectors is None or vectors.shape[:1] != (n,) else np.asarray(vectors, np.float32)
